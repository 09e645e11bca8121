package script

import (
	"mime"
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// webhookMethods leaves OPTIONS out: PocketBase answers it itself.
var webhookMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// onWebhook is { type: "webhook", … }: a call of the workflow's own URL.
var onWebhook = triggerKind{
	options: []string{"methods", "auth", "maxBody", "contentTypes", "deliveryHeader", "response"},
	modes:   []workflow.Mode{workflow.ModeAsync, workflow.ModeSync},
	read: func(vm *goja.Runtime, o map[string]goja.Value, on *workflow.Trigger) *optionError {
		hook := &workflow.Webhook{MaxBody: workflow.DefaultMaxBody, DeliveryHeader: workflow.DefaultDeliveryHeader}
		on.Webhook = hook
		if err := readAuth(vm, o["on.auth"], hook); err != nil {
			return err
		}
		if err := readMethods(o, hook); err != nil {
			return err
		}
		if err := readContentTypes(o, hook); err != nil {
			return err
		}
		if _, ok := o["on.maxBody"]; ok {
			n, err := whole(o, "on.maxBody", 1, workflow.MaxMaxBody)
			if err != nil {
				return err
			}
			hook.MaxBody = int64(n)
		}
		if err := readHeaderName(o, "on.deliveryHeader", &hook.DeliveryHeader); err != nil {
			return err
		}
		v, ok := o["on.response"]
		if !ok {
			return nil
		}
		var err *optionError
		hook.Response, err = readResponse(vm, "on.response", v)
		return err
	},
	check: func(o map[string]goja.Value, def *workflow.Definition) *optionError {
		if _, ok := o["rule"]; ok {
			return wrong("rule", "is not for webhooks: on.auth decides who may call")
		}
		if def.On.Response != nil && def.Mode == workflow.ModeSync {
			return wrong("on.response", `is for mode "async"; in mode "sync" ctx.respondWith({ status, headers, body }) says the answer`)
		}
		return nil
	},
}

func readMethods(o map[string]goja.Value, hook *workflow.Webhook) *optionError {
	if err := list(o, "on.methods", &hook.Methods); err != nil {
		return err
	}
	for _, m := range hook.Methods {
		if !slices.Contains(webhookMethods, m) {
			return wrong("on.methods", "expected %s, got %q", quoted(webhookMethods), m)
		}
	}
	if len(hook.Methods) == 0 {
		if _, ok := o["on.methods"]; ok {
			return wrong("on.methods", "expected at least one method")
		}
		hook.Methods = []string{"POST"}
	}
	return nil
}

func readContentTypes(o map[string]goja.Value, hook *workflow.Webhook) *optionError {
	if err := list(o, "on.contentTypes", &hook.ContentTypes); err != nil {
		return err
	}
	if _, ok := o["on.contentTypes"]; ok && len(hook.ContentTypes) == 0 {
		return wrong("on.contentTypes", "expected at least one media type")
	}
	for i, name := range hook.ContentTypes {
		media, params, err := mime.ParseMediaType(name)
		if err != nil || len(params) > 0 || !strings.Contains(media, "/") {
			return wrong("on.contentTypes", `expected media types such as "application/json" or "text/*", got %q`, name)
		}
		hook.ContentTypes[i] = media
	}
	return nil
}

// readHeaderName reads the name of a header; what it had stays without one.
func readHeaderName(o map[string]goja.Value, path string, dst *string) *optionError {
	if _, ok := o[path]; !ok {
		return nil
	}
	if err := str(o, path, dst); err != nil {
		return err
	}
	if !isHeaderName(*dst) {
		return wrong(path, "expected the name of a header, got %q", *dst)
	}
	return nil
}

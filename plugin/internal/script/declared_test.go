package script

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/declarations"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

var member = regexp.MustCompile(`(?m)^ {8}(\w+)\??: (.*)$`)

// declaredIn are the members of interfaces in workflows.d.ts, without those that
// must not be there.
func declaredIn(t *testing.T, interfaces ...string) []string {
	t.Helper()
	var text strings.Builder
	require.NoError(t, declarations.Write(&text, nil))
	names := map[string]bool{}
	for _, name := range interfaces {
		_, body, ok := strings.Cut(text.String(), "\n    interface "+name+" ")
		if !ok {
			_, body, ok = strings.Cut(text.String(), "\n    interface "+name+"<")
		}
		require.Truef(t, ok, "there is no interface %s", name)
		body, _, _ = strings.Cut(body, "\n    }\n")
		for _, m := range member.FindAllStringSubmatch(body, -1) {
			if m[2] != "never;" {
				names[m[1]] = true
			}
		}
	}
	out := []string{}
	for name := range names {
		out = append(out, name)
	}
	return out
}

// Every option that is read is declared for the type checker, and no other.
func TestOptionsAreDeclared(t *testing.T) {
	require.ElementsMatch(t, knownOptions, append(declaredIn(t, "CommonOptions", "QueueOptions", "RuleOptions"), "on", "mode"))
	interfaces := map[workflow.TriggerType][]string{
		workflow.TriggerAction:   {"ActionTrigger"},
		workflow.TriggerBefore:   {"BeforeTrigger"},
		workflow.TriggerManual:   {"ManualPlainTrigger", "ManualRecordTrigger"},
		workflow.TriggerRecord:   {"RecordTrigger"},
		workflow.TriggerSchedule: {"ScheduleOptions", "CronTrigger", "IntervalTrigger", "DateTrigger"},
		workflow.TriggerWebhook:  {"WebhookTrigger"},
	}
	for name, kind := range triggerKinds {
		require.ElementsMatchf(t, kind.options, declaredIn(t, interfaces[name]...), "of trigger %q", name)
	}
	require.Len(t, triggerKinds, len(interfaces))
	for name, want := range map[workflow.AuthType][]string{
		workflow.AuthHMAC:   declaredIn(t, "HMACAuth", "PresetAuth"),
		workflow.AuthBasic:  declaredIn(t, "BasicAuth"),
		workflow.AuthBearer: declaredIn(t, "BearerAuth"),
		workflow.AuthNone:   declaredIn(t, "NoAuth"),
	} {
		require.ElementsMatchf(t, append([]string{"type"}, authOptions[name]...), want, "of auth %q", name)
	}
	require.ElementsMatch(t, httpOptions, declaredIn(t, "HTTPOptions"))
	require.ElementsMatch(t, taskOptionNames, declaredIn(t, "TaskOptions"))
	require.ElementsMatch(t, knownLimit, declaredIn(t, "RetentionLimit"))
	require.ElementsMatch(t, knownRetention, declaredIn(t, "RetentionLimit", "Retention"))
}

// Every mode of a trigger is declared, and no other.
func TestModesAreDeclared(t *testing.T) {
	var text strings.Builder
	require.NoError(t, declarations.Write(&text, nil))
	_, body, _ := strings.Cut(text.String(), "interface ModesOf {")
	for name, kind := range triggerKinds {
		var modes []string
		for _, mode := range []workflow.Mode{workflow.ModeAsync, workflow.ModeSync, workflow.ModeTransaction} {
			for _, has := range kind.modes {
				if has == mode {
					modes = append(modes, `"`+string(mode)+`"`)
				}
			}
		}
		require.Contains(t, body, "        "+string(name)+": "+strings.Join(modes, " | ")+";\n")
	}
}

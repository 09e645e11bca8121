package trigger

import (
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

const tokenParameter = "token"

var nocoBasePath = regexp.MustCompile(`^/api/[^/:]+:[a-z]+(/[^/]*)?$`)

// tokenMiddleware lets a request that involves workflows bring its token in the
// query. It runs before PocketBase's activity logger and takes the token out of
// the URL, so that it is never logged.
func tokenMiddleware() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "pbWorkflowsToken",
		Priority: apis.DefaultActivityLoggerMiddlewarePriority - 5,
		Func: func(e *core.RequestEvent) error {
			u := e.Request.URL
			if !strings.Contains(u.RawQuery, tokenParameter+"=") {
				return e.Next()
			}
			query := u.Query()
			if !query.Has(parameter) && !strings.HasPrefix(u.Path, "/api/workflows") && !nocoBasePath.MatchString(u.Path) {
				return e.Next()
			}
			if token := query.Get(tokenParameter); token != "" && e.Request.Header.Get("Authorization") == "" {
				e.Request.Header.Set("Authorization", token)
			}
			query.Del(tokenParameter)
			u.RawQuery = query.Encode()
			e.Request.RequestURI = u.RequestURI()
			return e.Next()
		},
	}
}

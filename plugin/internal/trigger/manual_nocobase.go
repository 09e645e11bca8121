package trigger

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// nocoBaseRecordPath is /api/{collection}:trigger/{id}. No route has it, so that
// it can't clash with those of the host.
var nocoBaseRecordPath = regexp.MustCompile(`^/api/([^/:]+):trigger/([^/]+)$`)

func isNocoBaseRecord(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.Contains(r.URL.Path, ":trigger/") && nocoBaseRecordPath.MatchString(r.URL.Path)
}

// nocoBaseTrigger is /api/workflows:trigger and /api/{collection}:trigger, whose
// records stand in the path or in filterByTk.
func (t *Trigger) nocoBaseTrigger(e *core.RequestEvent, name string) error {
	if err := acceptJSON(e.Request); err != nil {
		return router.NewBadRequestError("", err)
	}
	m := &manual{unwrap: true}
	if name == "workflows" {
		return nocoBaseAnswer(e, func() error { return t.onNamed(e, m) })
	}
	if path := nocoBaseRecordPath.FindStringSubmatch(e.Request.URL.Path); path != nil {
		m.ids = []string{path[2]}
	} else {
		m.ids, m.many = filterByTk(e.Request)
	}
	return nocoBaseAnswer(e, func() error { return t.onRecords(e, name, m) })
}

// filterByTk reads filterByTk=a, filterByTk[]=a&filterByTk[]=b and
// filterByTk[0]=a; only the first is not a list.
func filterByTk(r *http.Request) (ids []string, many bool) {
	query := r.URL.Query()
	ids, many = split(query["filterByTk"]...), len(query["filterByTk"]) > 1
	list := query["filterByTk[]"]
	many = many || query.Has("filterByTk[]")
	for i := range maxTargets + 1 { // one more, to be refused
		name := "filterByTk[" + strconv.Itoa(i) + "]"
		if !query.Has(name) {
			break
		}
		list, many = append(list, query[name]...), true
	}
	return split(append(ids, list...)...), many || len(ids) > 1
}

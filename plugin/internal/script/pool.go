package script

import (
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// touchy matches sources that may change something all scripts of a VM share:
// built-in objects, their prototypes, PocketBase's binding objects. Their VMs
// are used once. It may err on that side: a VM costs 0.3 ms.
var touchy = regexp.MustCompile(`\b(prototype|__proto__|constructor|globalThis|eval|Function|Reflect|Proxy|defineProperty|defineProperties|setPrototypeOf|getPrototypeOf|__define[GS]etter__)\b` +
	`|\b[A-Z$][\w$]*\s*(\.\s*[\w$]+|\[[^\]]*\])+\s*([-+*/%&|^]|\*\*|<<|>>>?|&&|\|\||\?\?)?=[^=>]` +
	`|\bassign\(\s*[A-Z$]|\bdelete\s+[A-Z$]|[=(,:]\s*(JSON|Math|Object|Array|String|Number|Date|console|process|Buffer|\$\w+)\s*[,;)\n]`)

// compiled is a version ready to run, and its idle VMs.
type compiled struct {
	version  *workflow.Version
	program  *goja.Program
	registry func() *require.Registry
	reusable bool
	// assigned are the names that the source may leave something in, nil for any.
	assigned []string

	// least is how many idle VMs the version keeps in any case; spare counts those
	// beyond of all versions.
	least int
	spare *atomic.Int64

	mu   sync.Mutex
	idle []*machine
}

func newCompiled(v *workflow.Version, dir string) (*compiled, error) {
	program, err := compile(stackName(dir, v.File), v.Script)
	if err != nil {
		return nil, err
	}
	c := &compiled{version: v, program: program, reusable: !touchy.MatchString(v.Script)}
	for _, source := range v.Modules {
		c.reusable = c.reusable && !touchy.MatchString(source)
	}
	c.assigned = assignedNames(v)
	mods := playback(dir, v)
	shared := require.NewRegistry(require.WithLoader(mods.load)) // compiled once, evaluated in every run
	c.registry = func() *require.Registry { return shared }
	return c, nil
}

// machine is one VM and what its globals were before any script ran.
type machine struct {
	vm      *goja.Runtime
	app     *guardedApp
	run     *run // the run that uses it
	globals map[string]goja.Value
	// appValue, step and log are $app, ctx.step and ctx.log of every run.
	appValue, step, log goja.Value
}

func (m *machine) snapshot() {
	global := m.vm.GlobalObject()
	m.globals = map[string]goja.Value{}
	for _, name := range global.GetOwnPropertyNames() {
		m.globals[name] = global.Get(name)
	}
}

// restore puts the globals back of which names are, nil for all; false when that
// is not possible.
func (m *machine) restore(names []string) bool {
	global := m.vm.GlobalObject()
	all := names == nil
	if all {
		names = global.GetOwnPropertyNames()
	}
	for _, name := range names {
		before, known := m.globals[name]
		switch now := global.Get(name); {
		case !known && now == nil:
		case !known:
			if global.Delete(name) != nil || global.Get(name) != nil {
				return false
			}
		case now == nil || !now.SameAs(before):
			if global.Set(name, before) != nil || !global.Get(name).SameAs(before) {
				return false
			}
		}
	}
	if all && len(names) < len(m.globals) { // some were deleted
		return false
	}
	return true
}

// drains reports whether the VM still runs what waits for a promise. One that was
// interrupted while it did so does not: to goja it is inside that call for ever.
func (m *machine) drains() (drained bool) {
	m.vm.ClearInterrupt()
	p, resolve, _ := m.vm.NewPromise()
	_ = resolve(goja.Undefined())
	promise := m.vm.ToValue(p)
	then, ok := goja.AssertFunction(promise.ToObject(m.vm).Get("then"))
	if !ok {
		return false
	}
	_, err := then(promise, m.vm.ToValue(func(goja.FunctionCall) goja.Value {
		drained = true
		return goja.Undefined()
	}))
	return err == nil && drained
}

func (c *compiled) take() *machine {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.idle); n > 0 {
		if n > c.least {
			c.spare.Add(-1)
		}
		m := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return m
	}
	return nil
}

// give keeps a VM for the next run: least of each version in any case, more as
// long as all versions together have no more than most of those.
func (c *compiled) give(m *machine, most int64) {
	if !c.reusable || !m.restore(c.assigned) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) >= c.least {
		if c.spare.Add(1) > most {
			c.spare.Add(-1)
			return
		}
	}
	c.idle = append(c.idle, m)
}

// close drops the idle VMs of a version that is forgotten.
func (c *compiled) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.idle) - c.least; n > 0 {
		c.spare.Add(int64(-n))
	}
	c.idle = nil
}

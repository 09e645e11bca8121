package script

import "github.com/dop251/goja"

// bindOutside makes calls that wait for somebody outside keep no CPU meanwhile, as
// bindHTTP does for requests: $workflows.mail waits for the mail server.
func (m *machine) bindOutside() {
	workflows, ok := m.vm.Get("$workflows").(*goja.Object)
	if !ok {
		return // a host that binds none
	}
	mail, ok := goja.AssertFunction(workflows.Get("mail"))
	if !ok {
		return
	}
	_ = workflows.Set("mail", func(call goja.FunctionCall) goja.Value {
		x := m.run
		if x == nil {
			return must(mail(call.This, call.Arguments...))
		}
		var v goja.Value
		err := x.clock.waiting(func() error {
			return x.journal.Waiting(x.ctx, func() (err error) {
				v, err = mail(call.This, call.Arguments...)
				return err
			})
		})
		return must(v, err)
	})
}

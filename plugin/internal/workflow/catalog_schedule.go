package workflow

// Scheduled lists the workflows with a schedule, whether they may run or not.
func (c *Catalog) Scheduled() []*Entry {
	var out []*Entry
	if c != nil {
		for _, e := range c.entries {
			if e.Version.Definition.On.Scheduled() {
				out = append(out, e)
			}
		}
	}
	return out
}

package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestEngine_Sequel(t *testing.T) {
	t.Parallel()
	fails := func(ctx context.Context, x *workflow.Execution, _ *engine.Session) workflow.Outcome {
		if x.ID == "a" {
			time.Sleep(time.Second)
			return workflow.Outcome{Status: workflow.StatusFailed}
		}
		return done()
	}
	made := 0
	follows := func(c *engine.Config) {
		c.Sequel = func(x *workflow.Execution) *workflow.Execution {
			if x.Status != workflow.StatusFailed {
				return nil
			}
			made++
			return execution("follows")
		}
	}

	bubble(t, "starts_when_the_end_is_stored", func(t *testing.T) {
		w := newWorld(t, fails, follows)
		w.store.fail(finish, errDisk, errDisk)
		w.start()
		w.commit(execution("a"), execution("b"))
		w.drain()
		assert.ElementsMatch(t, []string{"a", "b", "follows"}, w.finished())
		assert.Equal(t, 1, made, "a failing write makes no second one")
	})

	bubble(t, "of_an_end_that_is_gone_never_starts", func(t *testing.T) {
		w := newWorld(t, fails, func(c *engine.Config) {
			c.Sequel = func(*workflow.Execution) *workflow.Execution { return execution("follows") }
		})
		w.start()
		w.Submit(execution("a")) // without a row
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
	})

	bubble(t, "waits_in_the_store_while_the_engine_is_stopped", func(t *testing.T) {
		w := newWorld(t, fails, func(c *engine.Config) {
			c.Sequel = func(x *workflow.Execution) *workflow.Execution {
				if x.ID != "a" {
					return nil
				}
				return execution("follows")
			}
		})
		w.start()
		w.commit(execution("a"))
		time.Sleep(500 * time.Millisecond)
		w.Stop() // waits for a
		assert.Equal(t, []string{"a"}, w.ran())
		w.start()
		w.drain()
		assert.Equal(t, []string{"a", "follows"}, w.ran())
	})
}

package nodes

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const mailing = `
const on = { type: "action", collection: "posts" };
workflow("full", { on }, (ctx) => {
    ctx.step.run("send", () => $workflows.mail({
        from: "Me <me@example.com>",
        to: [{ address: "ada@example.com", name: "Größe" }, "bob@example.com"],
        cc: "carl@example.com", bcc: "dora@example.com", replyTo: "answers@example.com",
        subject: "Two\nlines", text: "1 < 2\nand more", headers: { "X-Kind": "test" },
        attachments: { "a.txt": "content of a", "b.txt": toBytes("content of b") },
    }));
});
workflow("patient", { on, retries: { limit: 3, delay: 5 } }, (ctx) => {
    ctx.step.run("send", () => $workflows.mail({ to: "ada@example.com", subject: "s", html: "<b>h</b>" }));
});
workflow("refused", { on }, (ctx) => {
    ctx.step.run("send", () => $workflows.mail({ to: "ada@example.com", subject: "s", html: "<b>h</b>" }));
});
`

// TestMail: all options, and a server that does not take it at once.
func TestMail(t *testing.T) {
	t.Parallel()
	d := newDemo(t, mailing)
	office := newPostOffice(t, d)
	t.Run("all options", func(t *testing.T) {
		d.output("full", object{})
		l := <-office.letters
		require.Equal(t, "me@example.com", l.from)
		require.ElementsMatch(t, []string{"ada@example.com", "bob@example.com", "carl@example.com", "dora@example.com"}, l.to)
		require.NotContains(t, l.head, "Bcc")
		require.Contains(t, l.head.Get("Cc"), "carl@example.com")
		require.Equal(t, "<answers@example.com>", l.head.Get("Reply-To"))
		require.Equal(t, "test", l.head.Get("X-Kind"))
		require.NotContains(t, l.head.Get("Subject"), "\n")
		require.Equal(t, "1 < 2\nand more", strings.ReplaceAll(l.parts["text/plain"], "\r", ""), "the text, and an HTML of it")
		require.Contains(t, l.parts["text/html"], "1 &lt; 2<br>")
		require.Equal(t, "content of a, content of b", l.parts["a.txt"]+", "+l.parts["b.txt"])
	})
	t.Run("again when the server is busy", func(t *testing.T) {
		office.refuses.Store(2)
		d.output("patient", object{})
		require.Equal(t, "<b>h</b>", strings.TrimSpace((<-office.letters).parts["text/html"]))
	})
	t.Run("the server's error", func(t *testing.T) {
		office.refuses.Store(1)
		status, message := d.failure("refused", object{})
		require.Equal(t, "failed", status)
		require.Equal(t, "$workflows.mail: send the e-mail: 451 \"come again later\"", message)
	})
}

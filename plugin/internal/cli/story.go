package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// story is what the demo tells. Every request must be answered as the README
// says, or the demo fails.
type story struct {
	ctx           context.Context //nolint:containedctx // the story's own
	out           io.Writer
	url           string
	adminPassword string
	token         string
}

// request is one request of the story and what has to come back.
type request struct {
	title  string
	method string
	path   string
	header map[string]string
	body   any
	status int
	// want are parts of workflow headers, by name.
	want map[string]string
	// quiet requests are not printed.
	quiet bool
}

const demoPassword = "demo-user-password" //nolint:gosec // of a server that ends with the demo

func (s *story) tell() error {
	var user struct{ ID string }
	if err := s.send(request{
		title: "Sign up", method: "POST", path: "/api/collections/users/records", status: 200,
		body: map[string]any{"email": "ada@example.com", "password": demoPassword, "passwordConfirm": demoPassword, "role": "editor"},
	}, &user); err != nil {
		return err
	}
	var login struct{ Token string }
	if err := s.send(request{
		title: "Log in", method: "POST", path: "/api/collections/users/auth-with-password", status: 200,
		body: map[string]any{"identity": "ada@example.com", "password": demoPassword},
	}, &login); err != nil {
		return err
	}
	s.token = login.Token
	for _, r := range s.requests() {
		if err := s.send(r, nil); err != nil {
			return err
		}
	}
	if err := s.review(); err != nil {
		return err
	}
	return s.executions()
}

// review starts a workflow that waits, and sends what it waits for.
func (s *story) review() error {
	answer, err := s.exchange(request{
		title: "A workflow that waits for a review", method: "POST", path: "/api/collections/posts/records?triggerWorkflows=review-post", status: 200,
		body: map[string]any{"title": "Worth five stars"},
		want: map[string]string{"X-Workflow-Executions": "review-post="},
	}, nil)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(answer.Get("X-Workflow-Executions"), ",")
	_, id, _ := strings.Cut(first, "=")
	return s.send(request{
		title: "The review comes in, from the user who caused it", method: "POST",
		path: "/api/workflows/executions/" + id + "/events/reviewed", status: 200,
		body: map[string]any{"stars": 5},
	}, nil)
}

func (s *story) requests() []request {
	const posts = "/api/collections/posts/records"
	return []request{
		{
			title: "Create a post and name a workflow", method: "POST", path: posts + "?triggerWorkflows=publish-post", status: 200,
			body: map[string]any{"title": "Hello, workflows"},
			want: map[string]string{"X-Workflow-Executions": "publish-post="},
		},
		{
			title: "A nested category, and a workflow about it", method: "POST", path: posts + "?triggerWorkflows=publish-post,greet-category!category", status: 200,
			body: map[string]any{"title": "A post with a new category", "category": map[string]any{"title": "News"}},
			want: map[string]string{"X-Workflow-Executions": "greet-category!category="},
		},
		{
			title: "A sync workflow agrees", method: "POST", path: posts + "?triggerWorkflows=check-title", status: 200,
			body: map[string]any{"title": "Quietly"},
			want: map[string]string{"X-Workflow-Messages": "the title is fine"},
		},
		{
			title: "A sync workflow refuses (the record stays: the action was done)", method: "POST", path: posts + "?triggerWorkflows=check-title", status: 400,
			body: map[string]any{"title": "LOUDLY"},
		},
		{
			title: "An unknown key is told, and fails nothing", method: "POST", path: posts + "?triggerWorkflows=no-such-workflow,publish-post", status: 200,
			body: map[string]any{"title": "Still saved"},
			want: map[string]string{"X-Workflow-Skipped": "no-such-workflow=unknown", "X-Workflow-Executions": "publish-post="},
		},
		{
			title: "A role that the user does not have", method: "POST", path: posts + "?triggerWorkflows=publish-post", status: 403,
			header: map[string]string{"X-Role": "member"}, body: map[string]any{"title": "Never saved"},
		},
	}
}

// send is exchange without the answer's header.
func (s *story) send(r request, into any) error {
	_, err := s.exchange(r, into)
	return err
}

// exchange sends a request, prints both sides and checks the answer.
func (s *story) exchange(r request, into any) (http.Header, error) {
	raw, err := json.Marshal(r.body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.title, err)
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(raw)
	}
	q, err := http.NewRequestWithContext(s.ctx, r.method, s.url+r.path, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.title, err)
	}
	q.Header.Set("Content-Type", "application/json")
	if s.token != "" {
		q.Header.Set("Authorization", s.token)
	}
	for name, value := range r.header {
		q.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.title, err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.title, err)
	}
	if !r.quiet {
		s.print(r, raw, answer, content)
	}
	if answer.StatusCode != r.status {
		return nil, fmt.Errorf("%s: expected status %d, got %d: %s", r.title, r.status, answer.StatusCode, content)
	}
	for name, part := range r.want {
		if !strings.Contains(answer.Header.Get(name), part) {
			return nil, fmt.Errorf("%s: expected %q in header %s, got %q", r.title, part, name, answer.Header.Get(name))
		}
	}
	if into != nil {
		if err := json.Unmarshal(content, into); err != nil {
			return nil, fmt.Errorf("%s: read the answer: %w", r.title, err)
		}
	}
	return answer.Header, nil
}

func (s *story) print(r request, body []byte, answer *http.Response, content []byte) {
	fmt.Fprintf(s.out, "\n# %s\n> %s %s\n", r.title, r.method, r.path)
	for name, value := range r.header {
		fmt.Fprintf(s.out, "> %s: %s\n", name, value)
	}
	if r.body != nil && !strings.Contains(string(body), "assword") {
		fmt.Fprintf(s.out, "> %s\n", body)
	}
	fmt.Fprintf(s.out, "< %s\n", answer.Status)
	for _, name := range []string{"X-Workflow-Executions", "X-Workflow-Skipped", "X-Workflow-Messages"} {
		if value := answer.Header.Get(name); value != "" {
			fmt.Fprintf(s.out, "< %s: %s\n", name, value)
		}
	}
	if answer.StatusCode >= http.StatusBadRequest {
		fmt.Fprintf(s.out, "< %s\n", bytes.TrimSpace(content))
	}
}

type executionRow struct {
	ID       string
	Workflow string
	Status   string
	Output   json.RawMessage
	Error    *struct{ Message string }
}

type stepRow struct {
	Execution string
	Name      string
	Kind      string
	Status    string
	Result    json.RawMessage
}

// executions waits for what was started and shows it with its steps.
func (s *story) executions() error {
	var admin struct{ Token string }
	s.token = ""
	if err := s.send(request{
		title: "Superuser login", method: "POST", path: "/api/collections/_superusers/auth-with-password", status: 200, quiet: true,
		body: map[string]any{"identity": adminEmail, "password": s.adminPassword},
	}, &admin); err != nil {
		return err
	}
	s.token = admin.Token
	var all struct{ Items []executionRow }
	for {
		if err := s.read("_workflowExecutions", "sort=created,id", &all); err != nil {
			return err
		}
		if ended(all.Items) {
			break
		}
		select {
		case <-s.ctx.Done():
			return fmt.Errorf("the executions do not end: %w", s.ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	var steps struct{ Items []stepRow }
	if err := s.read("_workflowSteps", "sort=seq", &steps); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "\n# The executions, with their steps")
	for _, e := range all.Items {
		fmt.Fprintf(s.out, "%s  %-15s %-10s %s\n", e.ID, e.Workflow, e.Status, detail(e))
		for _, step := range steps.Items {
			if step.Execution == e.ID {
				fmt.Fprintf(s.out, "                   └ %s %q %s %s\n", step.Kind, step.Name, step.Status, step.Result)
			}
		}
		if e.Status != "completed" && e.Workflow != "check-title" {
			return fmt.Errorf("execution %s of %s ended as %s", e.ID, e.Workflow, e.Status)
		}
	}
	return nil
}

func (s *story) read(collection, query string, into any) error {
	return s.send(request{
		title: "Read " + collection, method: "GET", status: 200, quiet: true,
		path: "/api/collections/" + url.PathEscape(collection) + "/records?perPage=200&" + query,
	}, into)
}

func ended(rows []executionRow) bool {
	for _, r := range rows {
		if r.Status == "queued" || r.Status == "running" || r.Status == "waiting" {
			return false
		}
	}
	return len(rows) > 0
}

func detail(e executionRow) string {
	if e.Error != nil && e.Error.Message != "" {
		return e.Error.Message
	}
	if string(e.Output) == "null" {
		return ""
	}
	return string(e.Output)
}

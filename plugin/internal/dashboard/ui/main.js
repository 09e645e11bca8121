// PocketBase pastes this file into /_/extensions.js, inside an async function:
// static imports are not possible here, and whatever registers a route has to
// come before the first await. All else of PocketBase's dashboard is reached
// through lib/host.js.
const base = new URL("./extensions/workflows/", import.meta.url).href;

document.head.appendChild(t.link({ rel: "stylesheet", href: base + "style.css" }));

const path = () => window.location.hash.split("?")[0];

// The code of a page is loaded when it is opened for the first time. Who has gone
// elsewhere meanwhile must not be brought back: then there is no page to show.
const page = (file) => async (route) => {
    const asked = path();
    try {
        const { default: build } = await import(base + "pages/" + file);
        return path() == asked ? build(route) : await new Promise(() => {});
    } catch (err) {
        console.error("The page can't be shown:", err);
        return t.div(
            { className: "page" },
            t.div(
                { className: "page-content" },
                t.div({ className: "alert danger" }, "This page can't be shown: " + err + " Reload to try again."),
            ),
        );
    }
};

app.routes.superuserOnly("#/workflows", page("workflows.js"));
app.routes.superuserOnly("#/workflows/{key}", page("workflow.js"));
app.routes.superuserOnly("#/executions", page("executions.js"));
app.routes.superuserOnly("#/executions/{id}", page("execution.js"));

app.store.headerLinks.splice(1, 0, {
    href: "#/workflows",
    icon: "ri-flow-chart",
    label: "Workflows",
    isActive: () => app.utils.isActivePath("#/executions"),
});

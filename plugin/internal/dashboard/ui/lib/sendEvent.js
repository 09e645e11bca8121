// Asks for an event and sends it to an execution.
import { sendEvent } from "./api.js";
import { closeModal, codeEditor, openModal, randomString, showError, store, t, toast } from "./host.js";
import { icon } from "./parts.js";

export function openSendEvent(execution, name = "") {
    const form = "wf_event_" + randomString();
    const data = store({ name, payload: "{}", error: "", isSending: false });

    async function send() {
        let payload;
        try {
            payload = data.payload.trim() ? JSON.parse(data.payload) : null;
        } catch (err) {
            data.error = "This is not JSON: " + err.message;
            return;
        }
        data.error = "";
        data.isSending = true;
        try {
            await sendEvent(execution, data.name, payload);
            toast(`Sent the event "${data.name}".`);
            closeModal(modal, true);
        } catch (err) {
            showError(err);
        }
        data.isSending = false;
    }

    const modal = t.div(
        { pbEvent: "workflowEventModal", className: "modal popup sm", onafterclose: (el) => el?.remove() },
        t.header({ className: "modal-header" }, t.h5({ className: "m-auto modal-title" }, "Send an event")),
        t.form(
            {
                id: form,
                className: "modal-content",
                onsubmit: (e) => {
                    e.preventDefault();
                    send();
                },
            },
            t.div(
                { className: "grid sm" },
                t.div(
                    { className: "col-12" },
                    t.div(
                        { className: "field required" },
                        t.label({ htmlFor: form + "name" }, "Event"),
                        t.input({ id: form + "name", type: "text", required: true, value: () => data.name, oninput: (e) => (data.name = e.target.value.trim()) }),
                    ),
                ),
                t.div(
                    { className: "col-12" },
                    t.div(
                        { className: () => `field ${data.error ? "error" : ""}` },
                        t.label({ htmlFor: form + "payload" }, "Payload (JSON)"),
                        codeEditor({ id: form + "payload", language: "js", value: () => data.payload, oninput: (v) => (data.payload = v) }),
                    ),
                    t.div({ className: () => `field-help ${data.error ? "error" : ""}` }, () => data.error || "What the waiting step returns."),
                ),
            ),
        ),
        t.footer(
            { className: "modal-footer" },
            t.button({ type: "button", className: "btn transparent m-r-auto", onclick: () => closeModal(modal) }, t.span({ className: "txt" }, "Close")),
            t.button(
                { type: "submit", "html-form": form, className: () => `btn expanded ${data.isSending ? "loading" : ""}`, disabled: () => data.isSending || !data.name },
                icon("ri-send-plane-line"),
                t.span({ className: "txt" }, "Send"),
            ),
        ),
    );
    openModal(modal);
}

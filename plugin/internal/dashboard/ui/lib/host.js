// The one door to PocketBase's dashboard. Its API is undocumented and may change
// with any release: no other file but main.js names it, and a browser test fails
// when something that is named here is gone.

export const t = window.t;
export const store = window.store;
export const watch = window.watch;

/** The PocketBase SDK with the superuser's token. */
export const pb = app.pb;

export const setTitle = (title) => (app.store.title = title);

// Components.
export const searchbar = (props) => app.components.searchbar(props);
export const refreshButton = (props) => app.components.refreshButton(props);
export const copyButton = (text, ...children) => app.components.copyButton(text, ...children);
export const codeBlockTabs = (props) => app.components.codeBlockTabs(props);
export const codeEditor = (props) => app.components.codeEditor(props);
export const pageSidebar = (props, ...children) => app.components.pageSidebar(props, ...children);
export const credits = () => app.components.credits();
export const tooltip = (text, position, style) => app.attrs.tooltip(text, position, style);

// Modals and toasts.
export const openModal = (el) => {
    document.body.appendChild(el);
    app.modals.open(el);
};
export const closeModal = (el, force) => app.modals.close(el, force);
export const confirm = (text, yes, settings) => app.modals.confirm(text, yes, null, settings);
export const toast = (text) => app.toasts.success(text);
export const toastInfo = (text) => app.toasts.info(text);

/** Opens PocketBase's own preview of a record; false when it is gone. */
export async function previewRecord(collection, id) {
    try {
        const record = await pb.collection(collection).getOne(id, { requestKey: null });
        app.modals.openRecordPreview(record);
        return true;
    } catch (err) {
        showError(err);
        return false;
    }
}

// Utilities.
export const randomString = () => app.utils.randomString();
export const copyText = (text) => app.utils.copyToClipboard(text);
export const downloadJSON = (value, name) => app.utils.downloadJSON(value, name);
export const replaceQuery = (params) => app.utils.replaceHashQueryParams(params);
export const apiURL = () => app.utils.getApiExampleURL();
export const selectRange = (rows, selected, row, state) => app.utils.bulkSelectRange(rows, selected, row, state);

/** A collection as the dashboard knows it, or nothing. */
export const collectionNamed = (name) => app.store.collections?.find((c) => c.name == name || c.id == name);

/** The tokens of a source in one of Prism's languages. */
export const tokens = (source, language) => Prism.tokenize(source, Prism.languages[language] || Prism.languages.js);

/** Shows what went wrong; a request that a newer one replaced is no error. */
export function showError(err) {
    if (!err?.isAbort) {
        app.checkApiError(err);
    }
}

/**
 * Listens to the records of a collection and returns a function that ends it,
 * which may be called at any time. Ready is called once it listens: what happened
 * before that has to be read.
 */
export function listen(collection, topic, callback, options, ready) {
    let stopped = false;
    let stop;
    pb.collection(collection).subscribe(topic, callback, options).then(
        (fn) => {
            if (stopped) {
                fn();
                return;
            }
            stop = fn;
            ready?.();
        },
        (err) => !err?.isAbort && console.warn("No live changes of " + collection + ":", err),
    );
    return () => {
        stopped = true;
        stop?.();
        stop = null;
    };
}

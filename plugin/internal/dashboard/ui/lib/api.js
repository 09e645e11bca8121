// What the pages ask of the server: the ordinary records API, and the routes of
// /api/workflows.
import { pb } from "./host.js";

export const WORKFLOWS = "_workflows";
export const VERSIONS = "_workflowVersions";
export const EXECUTIONS = "_workflowExecutions";
export const STEPS = "_workflowSteps";

const post = (path, body) => pb.send("/api/workflows" + path, { method: "POST", body, requestKey: null });
const part = encodeURIComponent;

export const loadWorkflows = (requestKey) => pb.collection(WORKFLOWS).getFullList({ sort: "key", requestKey });

export const loadWorkflow = (key, requestKey) => pb.collection(WORKFLOWS).getFirstListItem(pb.filter("key = {:key}", { key }), { requestKey });

export const loadVersions = (key, requestKey) =>
    pb.collection(VERSIONS).getFullList({ filter: pb.filter("workflow = {:key}", { key }), sort: "-number", requestKey });

export const loadStats = (requestKey, workflow) => pb.send("/api/workflows/stats", { method: "GET", query: { workflow }, requestKey });

export const saveSwitch = (id, values) => pb.collection(WORKFLOWS).update(id, values, { requestKey: null });

export const setPaused = (key, paused) => post(`/${part(key)}/${paused ? "pause" : "resume"}`);

export const deleteWorkflow = (id) => pb.collection(WORKFLOWS).delete(id, { requestKey: null });

export const loadExecution = (id, requestKey) => pb.collection(EXECUTIONS).getOne(id, { requestKey });

export const loadSteps = (id, requestKey) =>
    pb.collection(STEPS).getFullList({ filter: pb.filter("execution = {:id}", { id }), sort: "startedAt,seq", requestKey });

export const loadSome = (filter, requestKey) =>
    pb.collection(EXECUTIONS).getList(1, 50, { filter, sort: "id", skipTotal: true, fields: "id,workflow,status,created,trigger", requestKey });

export const cancel = (id) => post(`/executions/${part(id)}/cancel`);

export const rerun = (id, from = "start") => post(`/executions/${part(id)}/rerun`, { from });

export const deleteExecution = (id) => pb.collection(EXECUTIONS).delete(id, { requestKey: null });

export const sendEvent = (id, event, payload) => post(`/executions/${part(id)}/events/${part(event)}`, payload);

export const cancelMatching = (filter) => post("/executions/cancel", { filter });

export const rerunMatching = (filter) => post("/executions/rerun", { filter, from: "start" });

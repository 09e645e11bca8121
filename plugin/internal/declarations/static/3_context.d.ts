declare namespace Workflows {
    type CollectionName = keyof Collections;

    /** The collections that can be written to: all but views. */
    type TableName = { [C in CollectionName]: Collections[C]["kind"] extends "view" ? never : C }[CollectionName];

    /** The collections whose records are users. */
    type AuthName = { [C in CollectionName]: Collections[C]["kind"] extends "auth" ? C : never }[CollectionName];

    /** A record of a collection as clients see it: without hidden fields. */
    type RecordOf<C extends CollectionName> = C extends CollectionName ? Collections[C]["record"] : never;

    /** The fields of a collection, hidden ones too. */
    type FieldName<C extends CollectionName> = C extends CollectionName ? Collections[C]["field"] : never;

    /** The date fields of a collection. */
    type DateField<C extends CollectionName> = C extends CollectionName ? Collections[C]["date"] : never;

    /** A relation, a path over relations, or the relation of another collection to this one ("comments_via_post"). */
    type ExpandPath<C extends CollectionName> = C extends CollectionName
        ? Collections[C]["relation"] | `${Collections[C]["relation"]}.${string}` | `${string}_via_${string}`
        : never;

    /** The values of a write as they were submitted: no passwords, files as { name, size }, modifiers as they came. */
    type Submitted<C extends CollectionName> = {
        [F in FieldName<C> as F | `${F}+` | `+${F}` | `${F}-`]?: any;
    };

    type KeysOf<U> = U extends unknown ? keyof U : never;
    /** A union whose members have each other's fields as undefined, so that they can be read without asking which it is. */
    type Either<U, K extends PropertyKey = KeysOf<U>> = U extends unknown ? U & { [F in Exclude<K, keyof U>]?: undefined } : never;

    /** The user who caused an execution: a record of one of the auth collections. */
    type User = Either<RecordOf<AuthName>>;

    type DataOf<T extends TriggerType, C extends CollectionName, A extends Action, X extends RecordContext> =
        [C] extends [never] ? (T extends "schedule" ? null : any)
        : T extends "before" ? ([A] extends ["delete"] ? RecordOf<C> : Submitted<C>)
        : T extends "manual" ? (X extends "records" ? RecordOf<C>[] : RecordOf<C>)
        : RecordOf<C>;

    type OriginalOf<T extends TriggerType, C extends CollectionName, A extends Action> =
        T extends "action" | "before" | "record" ? ([A] extends ["update"] ? RecordOf<C> : RecordOf<C> | null) : null;

    type ParamsOf<T extends TriggerType> =
        T extends "webhook" ? WebhookParams : T extends "schedule" ? ScheduleParams : T extends "manual" ? any : null;

    /** What a webhook was called with. */
    interface WebhookParams {
        method: string;
        /** By name in lower case; those that are there more than once are joined. Secret ones are left out. */
        headers: { [name: string]: string };
        /** Those that are there more than once are lists. */
        query: { [name: string]: string | string[] };
        /** JSON and forms parsed, everything else as text; null without a body. */
        body: any;
        /** The body as it came; "" for multipart bodies. */
        rawBody: string;
        /** "base64" when the body is not text. */
        rawBodyEncoding?: "base64";
        /** The files of a multipart body. */
        files?: { field: string; name: string; size: number; type: string }[];
    }

    /** The time that a schedule started an execution for. */
    interface ScheduleParams {
        /** When it was to start. */
        scheduledAt: string;
        /** When it was stored. */
        firedAt: string;
        /** Counts from 1: the executions of the schedule, or the times of the record's date. */
        run: number;
        /** How many earlier times this one stands for. */
        missed: number;
    }

    /** The ctx.data of a workflow that the option onFailure names. */
    interface FailureReport {
        /** The id of the execution that failed. */
        execution: string;
        /** The key of its workflow. */
        workflow: string;
        version: number;
        status: FinalStatus;
        reason: string;
        error: { message: string; name: string; step?: string; stack?: string } | null;
        trigger: { type: string; action?: string; collection?: string; record?: string; path?: string; request?: string };
        /** What the failed one had as ctx.data. */
        data: any;
    }

    /** One run of a workflow. */
    interface ExecutionInfo {
        id: string;
        /** The key of the workflow. */
        key: string;
        /** The number of the version that the execution is pinned to. */
        version: number;
        /** How often the execution was taken up: 1, and more after a wait or a restart. */
        attempt: number;
        /** How many executions are above it in its chain. */
        depth: number;
        /** The id of the execution that started it, or "". */
        parent: string;
        /** When it was started first, in UTC. */
        startedAt: string;
    }

    /** Writes to the execution's log and the app's. */
    interface Log {
        debug(message: string, data?: any): void;
        info(message: string, data?: any): void;
        warn(message: string, data?: any): void;
        error(message: string, data?: any): void;
    }

    /** What a handler gets. */
    interface BaseContext<Data, Original, Params, ActionName, Collection> {
        /** What the execution is about: the record with its expanded relations; before a write, what was submitted; else what was sent. */
        readonly data: Data;
        /** The values before an update; else null. */
        readonly original: Original;
        /** What a webhook was called with, what was submitted to a manual workflow, the time of a schedule; else null. */
        readonly params: Params;
        /** What happens to the record, or "". */
        readonly action: ActionName;
        /** The collection of the record, or "". */
        readonly collection: Collection;
        /** The relations that led to the record, as "post.category", or "". */
        readonly path: string;
        /** Who caused it, or null for nobody known. */
        readonly user: User | null;
        /** The role that the user acts in, or "". */
        readonly roleName: string;
        readonly execution: ExecutionInfo;
        readonly step: Step;
        readonly log: Log;
        /** Adds a message for the client that waits: header X-Workflow-Messages. */
        respond(message: string): void;
        /**
         * Stops now: the execution is completed, with this output. In sync mode it also ends the
         * chain of workflows that the request waits for. Write "return ctx.end()" to tell the
         * type checker that nothing follows.
         */
        end(output?: any): never;
        /**
         * Stops now: the execution has failed. In sync mode the client gets a 400 with the message.
         * Write "return ctx.fail(…)" to tell the type checker that nothing follows.
         */
        fail(message: string, data?: any): never;
    }

    /** Adds to the context of workflows that run before a write. */
    interface BeforeContext {
        /** The record that is about to be written. What is changed in it is validated and written. */
        readonly record: core.Record;
    }

    /** Adds to the context of webhooks with mode "sync". */
    interface WebhookContext {
        /** Says what the webhook answers; the last call before the end counts. Not inside of a step. */
        respondWith(response: WebhookResponse): void;
    }

    /** What the handler of a workflow with these options gets. */
    type Context<
        T extends TriggerType = TriggerType,
        C extends CollectionName = CollectionName,
        A extends Action = Action,
        X extends RecordContext = RecordContext,
        M extends Mode = Mode,
    > =
        & BaseContext<
            DataOf<T, C, A, X>, OriginalOf<T, C, A>, ParamsOf<T>,
            T extends "action" | "before" | "record" ? A : string,
            [C] extends [never] ? string : C
        >
        & (T extends "before" ? BeforeContext : unknown)
        & (T extends "webhook" ? (M extends "sync" ? WebhookContext : unknown) : unknown);
}

declare namespace Workflows {
    interface TriggerOptions {
        /** The auth record on whose behalf it runs. Defaults to nobody. */
        user?: core.Record | null;
        /** The role that the user acts in. Defaults to "". */
        roleName?: string | null;
        /** A time to wait, or a date to wait for, before it starts. */
        startAfter?: Duration | Date | DateTime | types.DateTime | string | null;
    }

    /** A duration, a date, the value of a Retry-After header, or an answer of $http.send that has one. */
    type RetryDelay = Moment | readonly string[] | { readonly [name: string]: any };

    /** One run of a workflow as the server tells of it. */
    interface Execution {
        id: string;
        /** The key of the workflow. */
        workflow: string;
        version: number;
        status: "queued" | "running" | "waiting" | FinalStatus;
        reason: string;
        mode: Mode;
        /** What the handler returned; null until it completed. */
        output: any;
        error: { message: string; name: string; step: string } | null;
        messages: string[];
        created: string;
        startedAt?: string;
        finishedAt?: string;
    }

    /** The placeholders of a filter: { name: value } for {:name}. */
    type FilterParams = { readonly [name: string]: any };

    interface AggregateOptions<N extends string> {
        /** What is computed, by name: "count()", "count(distinct author)", "sum(views)", "avg(views)", "min(created)", "max(post.views)". */
        values: { readonly [K in N]: string };
        /** A PocketBase filter that picks the records. Defaults to all. */
        filter?: string;
        /** The {:placeholders} of the filter. */
        params?: FilterParams;
        /** Names of values or groups, "-" before a descending one. */
        sort?: string;
        /** The most groups that are returned. Defaults to all. */
        limit?: number;
    }

    type MailAddress = string | { address: string; name?: string } | core.Record | undefined;

    interface MailOptions {
        /** "ada@example.com", "Ada <ada@example.com>", { address, name }, an auth record, or a list of them. */
        to?: MailAddress | readonly MailAddress[];
        cc?: MailAddress | readonly MailAddress[];
        bcc?: MailAddress | readonly MailAddress[];
        replyTo?: MailAddress | readonly MailAddress[];
        /** Defaults to the sender in the app's settings. */
        from?: MailAddress;
        subject: string;
        /** The content, as HTML. Defaults to the text. */
        html?: string;
        /** The content, as text. Defaults to the text of html. */
        text?: string;
        headers?: { readonly [name: string]: string };
        /** Files by name: texts, bytes, files of $filesystem, or readers. */
        attachments?: { readonly [name: string]: any };
    }

    type Receiver = core.Record | { id: string; collectionName: string } | { id: string; collectionId: string };

    /** The helpers of `$workflows`. */
    interface Helpers {
        /**
         * Starts a workflow and returns the id of its execution. Inside of a transaction it takes
         * part in it: rolled back means never started.
         */
        trigger(key: string, target?: any, options?: TriggerOptions): string;
        /** Finds an execution. */
        find(id: string): Execution;
        /** Sends an event to an execution, which waits for it with ctx.step.waitForEvent. */
        send(id: string, event: string, payload?: any): void;
        /** Computes numbers over records: a row for each group. */
        aggregate<N extends string>(app: CoreApp, collection: CollectionName | core.Collection, options: AggregateOptions<N> & {
            /** Fields, or paths over relations, that make groups. */
            groupBy: string | readonly string[];
        }): ({ [K in N]: any } & { [path: string]: any })[];
        /** Computes numbers over records. */
        aggregate<N extends string>(app: CoreApp, collection: CollectionName | core.Collection, options: AggregateOptions<N>): { [K in N]: any };
        /** Changes records one by one, with their hooks, all or none, and returns how many there were. The filter must not be empty. */
        updateRecords<C extends CollectionName>(app: CoreApp, collection: C | core.Collection, filter: string, values: Submitted<C>, params?: FilterParams): number;
        /** Deletes records one by one, with their hooks, all or none, and returns how many there were. The filter must not be empty. */
        deleteRecords(app: CoreApp, collection: CollectionName | core.Collection, filter: string, params?: FilterParams): number;
        /** Sends an e-mail as the app's settings say. */
        mail(options: MailOptions): void;
        /** Sends a realtime message to all connections of users that listen to the topic, and returns to how many. */
        notify(user: Receiver | readonly (Receiver | undefined)[], topic: string, data?: any): number;
    }
}

/**
 * Registers a workflow. A file may register several.
 *
 * ```js
 * workflow("publish-post", {
 *     title: "Publish a post",
 *     on: { type: "action", collection: "posts", actions: ["create"] },
 * }, (ctx) => {
 *     const slug = ctx.step.run("make slug", () => ctx.data.title.toLowerCase());
 *     return { slug };
 * });
 * ```
 *
 * @param key names it: letters, digits, _ and -, at most 64
 * @param options say what starts it and how it runs
 * @param handler runs for each execution; what it returns is the output
 */
declare function workflow<
    T extends Workflows.TriggerType,
    C extends Workflows.CollectionName = never,
    A extends Workflows.Action = Workflows.Action,
    X extends Workflows.RecordContext = "none",
    M extends Workflows.Mode = "async",
>(
    key: string,
    options: Workflows.Options<T, C, A, X, M>,
    handler: (ctx: Workflows.Context<T, C, A, X, M>) => unknown,
): void;

/** Starts workflows and works on many records. Also in pb_hooks, where the app binds it. */
declare const $workflows: Workflows.Helpers;

/** An error that is not tried again, whatever the retries of its step say. */
declare class NonRetryableError extends Error {
    constructor(message?: string);
}

/** An error whose step is tried again after a time of its own. */
declare class RetryAfterError extends Error {
    constructor(message: string, delay: Workflows.RetryDelay);
    /** When the step is tried again. */
    delay: Workflows.RetryDelay;
}

/** What a step throws that took too long. */
declare class TimeoutError extends Error {
    constructor(message?: string);
}

/** What ctx.step.task throws when people refuse. Uncaught, the execution ends as rejected. */
declare class RejectedError extends Error {
    constructor(message?: string);
    answer: Workflows.TaskResult;
}

/** What ctx.step.task throws when the starter takes the task back. Uncaught, the execution ends as canceled. */
declare class WithdrawnError extends Error {
    constructor(message?: string);
}

declare namespace Workflows {
    interface StepOptions {
        /** How a failure is tried again: a number of retries, or more. Defaults to what the workflow says. */
        retries?: number | Retries;
        /** The longest time that one attempt may take. Defaults to no limit of its own. */
        timeout?: Duration;
    }

    interface WaitOptions {
        /** The name of the event. Defaults to the name of the step. */
        event?: string;
        /** How long to wait; then the result is null. Defaults to no limit. */
        timeout?: Duration;
        /** A filter over the payload, as "event.stars > 3". Events that do not satisfy it are left alone. */
        if?: string;
    }

    interface InvokeOptions<W extends boolean> {
        /** The child's ctx.data. Defaults to null. */
        data?: any;
        /** Whether to wait for the child. Defaults to true; false returns its execution's id at once. */
        wait?: W;
    }

    type Branches = { readonly [name: string]: () => any } | readonly (() => any)[];
    type ResultOf<F> = F extends () => infer R ? Awaited<R> : never;
    type Settled<R> = { status: "fulfilled"; value: R } | { status: "rejected"; reason: { name: string; message: string } };
    type ParallelMode = "all" | "any" | "race" | "settled";
    type ParallelResult<B extends Branches, M extends ParallelMode> =
        M extends "any" | "race" ? ResultOf<B[keyof B & (B extends readonly unknown[] ? number : string)]>
        : { -readonly [N in keyof B]: M extends "settled" ? Settled<ResultOf<B[N]>> : ResultOf<B[N]> };

    /** Those who are asked: the id of a user, "collection/id", an auth record, ctx.user, or all who have a role. */
    type Person = string | core.Record | { id: string; collectionName: string } | {
        /** Everyone who has this role. */
        role: string;
        /** Their auth collection. Defaults to "users". */
        collection?: string;
    };
    type People = Person | readonly Person[] | readonly (core.Record | undefined)[];

    /** A field that an answer fills in: a PocketBase field definition. */
    interface TaskField {
        name: string;
        type: "text" | "number" | "bool" | "email" | "url" | "date" | "select" | "json" | "editor" | "relation" | "geoPoint";
        /** Whether it must be filled in. Defaults to false. */
        required?: boolean;
        /** Other options of the field's type, as in PocketBase: min, max, values, maxSelect, … */
        [option: string]: any;
    }

    interface TaskAction {
        key: string;
        /** What people read. Defaults to the key. */
        label?: string;
        /** Whether it refuses. Defaults to true for "reject", else to false. */
        rejects?: boolean;
    }

    interface TaskOptions {
        /** Who is asked. */
        assignees: People;
        /** What people read first. Defaults to the name of the step. */
        title?: string;
        description?: string;
        /** What an answer has to fill in. Defaults to nothing. */
        fields?: readonly TaskField[];
        /** What people can choose from. Defaults to "approve" and "reject". */
        actions?: readonly (string | TaskAction)[];
        /** How many have to agree. Defaults to "any"; in sequence to "all". */
        quorum?: "any" | "all" | number | `${number}%`;
        /** Whether all are asked at the same time ("parallel", the default) or one after another. */
        order?: "parallel" | "sequential";
        /** The time for an answer. Defaults to no limit. */
        dueIn?: Duration;
        /** What happens then: "fail" lets the step fail, the key of an action takes that one. Defaults to the result null. */
        onDue?: string;
        /** Who may read it and gets a copy. */
        cc?: People;
        /** Whether people get an e-mail, if the app can send one. Defaults to true. */
        notify?: boolean;
    }

    /** What one person answered. */
    interface TaskAnswer {
        action: string;
        values: { [field: string]: any };
        comment?: string;
        /** The id of who answered. */
        by: string;
        byCollection: string;
        /** The assignee, as "collection/id", whom a superuser answered for. */
        for?: string;
        at: string;
    }

    /** What was decided. */
    interface TaskResult {
        /** The key of the action. */
        action: string;
        /** What was filled in, by field. */
        values: { [field: string]: any };
        /** The id of who decided it. */
        by: string;
        byCollection: string;
        comment?: string;
        /** Every answer, in order. */
        answers: TaskAnswer[];
    }

    type FormValue = string | number | boolean;
    type FormValues = { readonly [name: string]: FormValue | readonly FormValue[] };

    interface HTTPOptions {
        /** An address that begins with http:// or https://. */
        url: string;
        /** Defaults to "GET", with a body to "POST". */
        method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD";
        /** Added to the address. */
        query?: FormValues;
        headers?: FormValues;
        /** A body of JSON. */
        json?: any;
        /** A body as of a form. */
        form?: FormValues;
        /** A body as of a form with files. */
        multipart?: { readonly [name: string]: FormValue | filesystem.File | undefined | readonly (FormValue | filesystem.File | undefined)[] };
        /** A body of text. */
        body?: string;
        /** How long to wait for the answer, in whole seconds. Defaults to 120 seconds. */
        timeout?: Duration;
        /** Whether a failure is returned with its error instead of thrown, after all retries. Defaults to false. */
        ignoreFailure?: boolean;
        /** How a server that is at fault, busy or silent is asked again. Defaults to what the workflow says. */
        retries?: number | Retries;
    }

    interface HTTPAnswer {
        /** 0 when there was no answer. */
        statusCode: number;
        headers: { [name: string]: string[] };
        /** The body, if it is JSON. */
        json: any;
        /** The body, if it is text. */
        text: string | null;
        /** What went wrong, with ignoreFailure; else null. */
        error: string | null;
    }

    /**
     * The steps of an execution. Each is kept in its journal: after a crash or a restart the
     * handler runs again, and what is there is not done again. Names may repeat, in loops.
     */
    interface Step {
        /** Runs a function once and returns its result, which must be JSON. At least once for effects outside. */
        run<R>(name: string, fn: () => R): R;
        run<R>(name: string, options: StepOptions, fn: () => R): R;

        /** Runs a function in a database transaction; what txApp writes commits together with the journal: exactly once. */
        transaction<R>(name: string, fn: (txApp: CoreApp) => R): R;
        transaction<R>(name: string, options: StepOptions, fn: (txApp: CoreApp) => R): R;

        /** Waits. Meanwhile the execution is a row in the database only. */
        sleep(name: string, duration: Duration): void;

        /** Waits until a date; one that has passed is no wait. */
        sleepUntil(name: string, date: Moment): void;

        /** Waits for an event that is sent to the execution: its payload, or null when the time is over. */
        waitForEvent(name: string, options?: WaitOptions): any;

        /** A URL by which somebody without an account can send an event to this execution, once. */
        eventUrl(event: string, options?: {
            /** How long it is good for. Defaults to no limit. */
            expires?: Duration;
        }): string;

        /** Runs another workflow and returns its output; with wait: false, the id of its execution. */
        invoke<W extends boolean = true>(name: string, key: string, options?: InvokeOptions<W>): W extends false ? string : any;

        /** Asks people, and waits for what they decide; null when the time is over. A refusal is thrown as a {@link RejectedError}. */
        task(name: string, options: TaskOptions): TaskResult | null;

        /** Sends a request. A status of 400 or more is an error. */
        http(name: string, options: HTTPOptions): HTTPAnswer;

        /** Runs functions side by side, each with steps of its own. */
        parallel<const B extends Branches, M extends ParallelMode = "all">(name: string, branches: B, options?: {
            /**
             * "all" have to succeed (the default), "any" is the first that succeeds, "race" the first
             * that ends, "settled" tells how each ended.
             */
            mode?: M;
        }): ParallelResult<B, M>;

        /** Runs a function for every item, some side by side, and returns the results in order. */
        map<I, R>(name: string, items: ArrayLike<I>, fn: (item: I, index: number) => R, options?: {
            /** How many at a time. Defaults to 10. */
            concurrency?: number;
        }): Awaited<R>[];

        /** Inside of a step's function: a text that is the same in every attempt of this step, for servers that know it. */
        readonly idempotencyKey: string;
    }
}

declare namespace Workflows {
    /**
     * A length of time: a number of milliseconds, or a text of a number and a unit:
     * "1500ms", "30s", "5m", "2h", "3d", "1w".
     */
    type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d" | "w"}`;

    /** A point in time: a Date, a DateTime, a date as text, or milliseconds since 1970. */
    type Moment = Date | DateTime | types.DateTime | string | number;

    /** What happens to a record. */
    type Action = "create" | "update" | "delete";

    /**
     * When a workflow runs: "async" after the response, "sync" while the response waits,
     * "transaction" inside the write's own transaction, which a failure rolls back.
     */
    type Mode = "async" | "sync" | "transaction";

    /** The modes that the types of triggers can have. */
    interface ModesOf {
        action: "async" | "sync" | "transaction";
        before: "sync" | "transaction";
        manual: "async" | "sync";
        record: "async" | "transaction";
        schedule: "async";
        webhook: "async" | "sync";
    }

    /** How an execution can end. */
    type FinalStatus = "completed" | "failed" | "error" | "aborted" | "canceled" | "rejected";

    /** When a failed step is tried again. */
    interface Retries {
        /** The number of attempts after the first: 0 to 1000. */
        limit: number;
        /** The wait before the second attempt. Defaults to 1 second. */
        delay?: Duration;
        /** How the wait grows from attempt to attempt. Defaults to "exponential": it doubles. */
        backoff?: "constant" | "linear" | "exponential";
        /** The longest wait. Defaults to 1 hour, or to delay if that is longer. */
        maxDelay?: Duration;
        /**
         * Spreads every wait at random by up to this part of it, both ways: 0 to 1; true is
         * 0.5. Defaults to 0.
         */
        jitter?: number | boolean;
    }

    /** Which finished executions are kept: those that are within both limits. */
    interface RetentionLimit {
        /** How long an execution is kept after its end. Defaults to any time. */
        age?: Duration;
        /** How many are kept, the latest. Defaults to any number. */
        count?: number;
    }

    interface Retention extends RetentionLimit {
        /** Limits of their own for executions that ended in these ways. */
        statuses?: { [S in FinalStatus]?: RetentionLimit | Duration };
    }

    /** Options of every workflow. */
    interface CommonOptions {
        /** A name for people. */
        title?: string;
        /** What it does, for people. */
        description?: string;
        /** Words by which people find it. */
        tags?: readonly string[];
        /** Whether it runs. An initial value only: afterwards the stored switch wins. Defaults to true. */
        enabled?: boolean;
        /**
         * The longest time that an execution may take, waits included. Then it is aborted.
         * Defaults to no limit; in mode "transaction" to 3 seconds.
         */
        timeout?: Duration;
        /** How failed steps are tried again that say nothing else: a number of retries, or more. Defaults to 0. */
        retries?: number | Retries;
        /** The key of the workflow that is started when an execution fails. Its ctx.data is a {@link FailureReport}. */
        onFailure?: string;
        /** How long finished executions are kept: an age, or more. Defaults to what the server is set to. */
        retention?: Duration | Retention;
        /** Whether it may be started for the same target by what it itself has caused. Defaults to false. */
        allowReentry?: boolean;
    }

    /** Options of workflows whose executions may queue. */
    interface QueueOptions {
        /** How many executions may be in progress at a time; with a key: of those with the same value. Defaults to any number. */
        concurrency?: number | {
            /** How many may be in progress at a time. */
            limit: number;
            /** What counts together, as "data.customer". Defaults to all. */
            key?: string;
        };
        /** What makes two executions duplicates while the first has not ended: a key as "data.id", or more. */
        dedup?: string | {
            /** What duplicates have in common, as "data.customer". */
            key: string;
            /**
             * "skip" does not start the second (the default), "replace" cancels the first, "return"
             * answers with the first.
             */
            policy?: "skip" | "replace" | "return";
        };
        /** Which executions go first when many wait: -100 to 100, the greatest first. Defaults to 0. */
        priority?: number;
    }

    /** The option of workflows that clients can name. */
    interface RuleOptions {
        /**
         * Who may name the workflow in a request or start it by hand: null is superusers only, ""
         * is anyone, else a PocketBase filter over @request.*. Defaults to @request.auth.id != "".
         */
        rule?: string | null;
    }

    /** The options of a workflow. */
    type Options<T extends TriggerType, C extends CollectionName, A extends Action, X extends RecordContext, M extends Mode> =
        & CommonOptions
        & (T extends "before" ? unknown : QueueOptions)
        & (T extends "webhook" ? unknown : RuleOptions)
        & {
            /**
             * When it runs: "async" after the response, "sync" while the response waits (a
             * failure answers 400), "transaction" inside the write's own transaction (a failure
             * rolls it back). Defaults to "async"; before a write to "sync".
             */
            mode?: M extends ModesOf[T] ? M : ModesOf[T];
            /** What starts it. */
            on: { type: T } & Trigger<T, C, A, X>;
        };
}

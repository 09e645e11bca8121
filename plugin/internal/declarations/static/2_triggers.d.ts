declare namespace Workflows {
    /**
     * What starts a workflow: "action" after a create, update or delete over REST, "before"
     * before it, "record" any change of a collection, "schedule" times, "webhook" a request to
     * its own URL, "manual" a client, a hook or another workflow.
     */
    type TriggerType = "action" | "before" | "record" | "schedule" | "webhook" | "manual";

    /** What a manual workflow is about. */
    type RecordContext = "none" | "record" | "records";

    /** The options of a trigger besides its type. */
    type Trigger<T extends TriggerType, C extends CollectionName, A extends Action, X extends RecordContext> =
        T extends "action" ? ActionTrigger<C, A>
        : T extends "before" ? BeforeTrigger<C, A>
        : T extends "record" ? RecordTrigger<C, A>
        : T extends "schedule" ? ScheduleTrigger<C>
        : T extends "webhook" ? WebhookTrigger
        : T extends "manual" ? ManualTrigger<C, X>
        : never;

    /** After a create, update or delete over REST. */
    interface ActionTrigger<C extends CollectionName, A extends Action> {
        /** The collection of the record that the workflow is about. */
        collection: C & TableName;
        /** Whether it runs on every request of its actions, named or not. Defaults to false: only when a request names it. */
        global?: boolean;
        /** The actions that start it. Defaults to all; a global workflow without any never runs. */
        actions?: readonly A[];
        /** A PocketBase filter that the record must satisfy. */
        condition?: string;
        /** An update starts it only if it changes one of these fields. */
        fields?: readonly FieldName<C>[];
        /** Relations that are loaded into ctx.data.expand. */
        expand?: readonly ExpandPath<C>[];
    }

    /** Before a create, update or delete over REST, inside the request. */
    interface BeforeTrigger<C extends CollectionName, A extends Action> {
        /** The collection that is about to be written to. */
        collection: C & TableName;
        /** Whether it runs before every request of its actions, named or not. Defaults to false. */
        global?: boolean;
        /** The actions that start it. Defaults to all; a global workflow without any never runs. */
        actions?: readonly A[];
    }

    /** After any change of a collection's records, whoever made it. */
    interface RecordTrigger<C extends CollectionName, A extends Action> {
        /** The collection whose changes start it. */
        collection: C & TableName;
        /** The changes that start it. Defaults to all. */
        events?: readonly A[];
        /** A PocketBase filter that the record must satisfy; @original.* are the values before an update. */
        condition?: string;
        /** An update starts it only if it changes one of these fields. */
        fields?: readonly FieldName<C>[];
        /** Relations that are loaded into ctx.data.expand. */
        expand?: readonly ExpandPath<C>[];
    }

    /** At times: of a cron expression, in an interval, or of the dates of records. */
    type ScheduleTrigger<C extends CollectionName> = CronTrigger | IntervalTrigger | DateTrigger<C>;

    interface ScheduleOptions {
        /**
         * What happens to times that passed while nothing could run: "none" forgets them, "once"
         * runs the last one (the default), "all" runs each.
         */
        catchUp?: "none" | "once" | "all";
        /** How late a time may be caught up. Defaults to 24 hours, for dates of records to 1 hour. */
        catchUpWindow?: Duration;
        /**
         * What happens when an earlier execution has not ended: "allow" starts the next beside it
         * (the default), "skip" lets the time pass, "cancel" cancels the earlier one.
         */
        overlap?: "allow" | "skip" | "cancel";
        /** The last moment at which it may run. */
        end?: Moment;
        /** How many executions it starts in all; for dates of records: how often it comes for one date, which needs repeat. */
        limit?: number;
    }

    interface CronTrigger extends ScheduleOptions {
        /** Five fields (minute, hour, day, month, weekday), or "@hourly", "@daily", "@weekly", "@monthly", "@yearly". */
        cron: string;
        /** The IANA name of the time zone in which cron is read, as "Europe/Berlin". Defaults to UTC. */
        timezone?: string;
        /** The first moment at which it may run. */
        start?: Moment;
        interval?: never;
        collection?: never;
        field?: never;
    }

    interface IntervalTrigger extends ScheduleOptions {
        /** The time between two runs, at least 1 second, on a grid through start: "1h" is every full hour. */
        interval: Duration;
        /** The first moment at which it may run. Defaults to 1970: full hours are full hours of UTC. */
        start?: Moment;
        cron?: never;
        collection?: never;
        field?: never;
    }

    interface DateTrigger<C extends CollectionName> extends ScheduleOptions {
        /** The collection whose records have the date. */
        collection: C & TableName;
        /** The date field. */
        field: DateField<C>;
        /** Added to the date: "-30m" is half an hour before it. Defaults to 0. */
        offset?: Duration;
        /** The time after which it comes again, at least 1 second. Defaults to never. */
        repeat?: Duration;
        /** A PocketBase filter that the record must satisfy. */
        condition?: string;
        /** Relations that are loaded into ctx.data.expand. */
        expand?: readonly ExpandPath<C>[];
        cron?: never;
        interval?: never;
    }

    /** A request to /api/workflows/hooks/{key}. */
    interface WebhookTrigger {
        /** The methods that are answered. Defaults to ["POST"]. */
        methods?: readonly ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE")[];
        /** Who may call. */
        auth: WebhookAuth;
        /** The largest body in bytes, up to 16 MiB. Defaults to 1 MiB. */
        maxBody?: number;
        /** The media types that are accepted, as "application/json" or "text/*". Defaults to any. */
        contentTypes?: readonly string[];
        /** The header that names a delivery: the same one starts one execution. Defaults to "Idempotency-Key" or what the preset knows. */
        deliveryHeader?: string;
        /** What mode "async" answers. Defaults to 202 with the execution's id. */
        response?: WebhookResponse;
    }

    type WebhookAuth = HMACAuth | PresetAuth | BasicAuth | BearerAuth | NoAuth;

    /** The names of environment variables that have secrets; each is accepted. */
    type SecretEnv = string | readonly string[];

    /** A signature of the body. */
    interface HMACAuth {
        type: "hmac";
        /** The name of the environment variable that has the secret, or several. */
        secretEnv: SecretEnv;
        /** The header that has the signature. */
        header: string;
        /** Defaults to "sha256". */
        algorithm?: "sha1" | "sha256" | "sha512";
        /** What stands before the signature, as "sha256=". */
        prefix?: string;
        /** Defaults to "hex". */
        encoding?: "hex" | "base64";
        /** What is signed, of {body}, {timestamp} and {id}. Defaults to "{body}", with timestampHeader to "{timestamp}.{body}". */
        payload?: string;
        /** The header that has the time of the signature. */
        timestampHeader?: string;
        /** How old a signature may be; needs timestampHeader. Defaults to 5 minutes, at most 1 day. */
        tolerance?: Duration;
    }

    /** The signature of a service. */
    interface PresetAuth {
        type?: "hmac";
        preset: "github" | "stripe";
        /** The name of the environment variable that has the secret, or several. */
        secretEnv: SecretEnv;
        /** How old a signature may be; for "stripe" only. Defaults to 5 minutes, at most 1 day. */
        tolerance?: Duration;
    }

    /** A user name and a password. */
    interface BasicAuth {
        type: "basic";
        /** The user name, without a colon. */
        username: string;
        /** The name of the environment variable that has the password, or several. */
        secretEnv: SecretEnv;
    }

    /** A token. */
    interface BearerAuth {
        type: "bearer";
        /** The name of the environment variable that has the token, or several. */
        secretEnv: SecretEnv;
        /** The header that has the token. Defaults to "Authorization". */
        header?: string;
    }

    /** Everybody may call. */
    interface NoAuth {
        type: "none";
    }

    /** An answer to a webhook. */
    interface WebhookResponse {
        /** Defaults to 200; for an option to 202. */
        status?: number;
        headers?: { readonly [name: string]: string | number };
        /** Text as it is, everything else as JSON. */
        body?: any;
    }

    /** A client, a hook or another workflow starts it. */
    type ManualTrigger<C extends CollectionName, X extends RecordContext> = X extends "none" ? ManualPlainTrigger<X> : ManualRecordTrigger<C, X>;

    interface ManualPlainTrigger<X extends RecordContext> {
        /**
         * What it is about: "none" is what was submitted (the default), "record" one record,
         * "records" a list of them.
         */
        context?: X;
        collection?: never;
    }

    interface ManualRecordTrigger<C extends CollectionName, X extends RecordContext> {
        /** What it is about: "record" is one record, "records" a list of them. */
        context: X;
        /** The collection of the records. */
        collection: C;
        /** A PocketBase filter that a record must satisfy. */
        condition?: string;
        /** Relations that are loaded into the expand of a record. */
        expand?: readonly ExpandPath<C>[];
    }
}

// One message as pg's client runs it: the client takes whatever knows how to send itself and to take what comes back, and
// calls it by pg's names. test/db/message.test.ts counts what is sent; it and message-query.test.ts notice
// a pg that does it otherwise.
import { readerOf, type Oid, type Reader } from './wire-type.ts';

/** A statement with its values as they go over the wire. */
export interface Portal {
  readonly statement: string;
  readonly values: readonly unknown[];
}

/** What the last statement of a message gives. */
export interface Answer {
  /** By place, in the order of the statement's columns. */
  readonly rows: readonly (readonly unknown[])[];
  /** Null for what counts none, as a commit. */
  readonly rowCount: number | null;
  /** As `INSERT` or `COMMIT`. */
  readonly command: string;
}

/** How the columns of a statement's rows are read. */
export type Readers = readonly Reader[];

/** What pg's client sends by, of which its types say little. */
export interface MessageConnection {
  readonly stream: { cork(): void; uncork(): void };
  /** By name: what the client has seen PostgreSQL parse, by the name and text of the query that sent it. */
  readonly parsedStatements: Readonly<Record<string, string | undefined>>;
  parse(statement: { readonly name: string; readonly text: string }): void;
  bind(portal: Portal): void;
  describe(portal: { readonly type: 'P' }): void;
  execute(portal: object): void;
  sync(): void;
  sendCopyFail(reason: string): void;
}

export interface MessageParts {
  /** Prepared on the connection before. What they give is not read. */
  readonly ahead: readonly Portal[];
  readonly last: Portal;
  /** Of the last one. */
  readonly text: string;
  /** Undefined: what its rows are like is asked for with it, and it may still have to be parsed. */
  readonly readers: Readers | undefined;
  readonly timeoutMs: number | undefined;
}

export class MessageQuery {
  // By these the client remembers what was parsed, and limits how long it waits.
  readonly name: string;
  readonly text: string;
  readonly query_timeout: number | undefined;
  /** The client puts its own in this one's place, which ends its time limit and calls this one. */
  callback: (error: Error | undefined, answer?: Answer) => void;
  readers: Readers | undefined;
  readonly #ahead: readonly Portal[];
  readonly #last: Portal;
  #aheadToCome: number;
  readonly #rows: (readonly unknown[])[] = [];
  #rowCount: number | null = null;
  #command = '';
  #unreadable: Error | undefined;

  constructor(parts: MessageParts, callback: MessageQuery['callback']) {
    this.name = parts.last.statement;
    this.text = parts.text;
    this.query_timeout = parts.timeoutMs;
    this.readers = parts.readers;
    this.#ahead = parts.ahead;
    this.#last = parts.last;
    this.#aheadToCome = parts.ahead.length;
    this.callback = callback;
  }

  /** Up to its one Sync at the end PostgreSQL skips whatever follows a failure. Gives why nothing was sent, if so. */
  submit(connection: MessageConnection): Error | undefined {
    const { name, text } = this;
    const parsed = connection.parsedStatements[name];
    if (parsed !== undefined && parsed !== text) {
      return new Error(`two statements have the name ${name}`);
    }
    connection.stream.cork();
    try {
      for (const portal of this.#ahead) {
        connection.bind(portal);
        connection.execute({});
      }
      const isAsked = this.readers === undefined;
      if (isAsked && parsed === undefined) connection.parse({ name, text });
      connection.bind(this.#last);
      if (isAsked) connection.describe({ type: 'P' });
      connection.execute({});
      connection.sync();
    } finally {
      connection.stream.uncork();
    }
    return undefined;
  }

  handleRowDescription({
    fields,
  }: {
    readonly fields: readonly { readonly dataTypeID: Oid }[];
  }): void {
    this.readers = fields.map(({ dataTypeID }) => readerOf(dataTypeID));
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    // What was sent ahead may give rows, of columns that nobody has asked about.
    if (this.#aheadToCome > 0 || this.#unreadable !== undefined) return;
    const { readers = [] } = this;
    try {
      this.#rows.push(
        fields.map((value, n) => (value === null ? null : (readers[n] as Reader)(value))),
      );
    } catch (error) {
      this.#unreadable = error as Error;
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    if (this.#endsAhead()) return;
    // `COMMIT`, `UPDATE 3`, `INSERT 0 3`
    const [command = '', ...counts] = text.split(' ');
    const count = Number(counts.at(-1));
    this.#command = command;
    this.#rowCount = Number.isInteger(count) ? count : null;
  }

  handleReadyForQuery(): void {
    if (this.#unreadable !== undefined) {
      this.callback(this.#unreadable);
      return;
    }
    this.callback(undefined, {
      rows: this.#rows,
      rowCount: this.#rowCount,
      command: this.#command,
    });
  }

  handleError(error: Error): void {
    this.callback(error);
  }

  handleEmptyQuery(): void {
    this.#endsAhead();
  }

  handlePortalSuspended(): void {
    // No portal is read in parts.
  }

  handleCopyInResponse(connection: MessageConnection): void {
    connection.sendCopyFail('nothing is copied in');
    // The one at the end of the message was taken for a part of the copy.
    connection.sync();
  }

  handleCopyData(): void {
    // Nobody has asked for it.
  }

  /** Counts what has ended just now, if it went ahead; whether it did. */
  #endsAhead(): boolean {
    if (this.#aheadToCome === 0) return false;
    this.#aheadToCome -= 1;
    return true;
  }
}

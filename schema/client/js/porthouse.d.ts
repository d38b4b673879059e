/** A socket as the house names it. */
export interface Member { client: string | null; sequence: string }
/** What a message was sent as: text, a value of JSON, or bytes. */
export type Data = string | number | boolean | null | Uint8Array | { [key: string]: any } | any[]
export interface Message { room?: string; data: any; from?: Member; time?: string; id?: string; position?: string }
/** How many sockets, in the whole house, had the message queued. */
export interface Receipt { id: string; receivers: number }
export interface Gap { missed: true; since: Date }
export interface Sending {
  /** Clients or sequences (~…) that are to have it. */
  to?: string | string[]
  /** The house sends a message of the same client and key once in two minutes. */
  key?: string
  /** false: the promise is done once the socket has it. */
  receipt?: boolean
}
export type Later<T> = T | (() => T | Promise<T>)
export interface Question { room: string; ask: ("password" | "otp")[]; error?: PorthouseError }
export interface Answer { password?: string; otp?: string }
export type Ask = (question: Question) => Answer | undefined | null | Promise<Answer | undefined | null>
export interface Secrets { password?: Later<string>; otp?: Later<string>; ask?: Ask }

export interface Limits {
  pauseLeast: number; pauseMost: number; heartbeat: number; timeout: number; patience: number
  buffer: number; waiting: number; inbox: number; early: number
}
export const defaults: Readonly<Limits>

export interface Codec {
  protocol: string
  encode(envelope: Record<string, any>): string | Uint8Array
  decode(frame: any): Record<string, any>
}
export const json: Codec
export function msgpack(library: { encode(value: any): Uint8Array; decode(bytes: Uint8Array): any }): Codec

export interface PipeOptions extends Partial<Limits> {
  token?: string | ((hint: { fresh?: boolean }) => string | Promise<string>)
  /** Where there is no global one, such as that of the package ws. */
  WebSocket?: any
}
export interface Options extends PipeOptions {
  client?: string
  password?: string
  otp?: Later<string>
  ask?: Ask
  protocol?: "json" | "msgpack"
  codec?: Codec
  /** Gives each send a key, so that one whose receipt was lost is said again, and heard once. */
  retry?: boolean
}

export class PorthouseError extends Error {
  code: string
  closeCode?: number
  do?: string
  ask?: string[]
}

export interface EarEvents { message: Message; close: PorthouseError | undefined; reconnect: Gap }
export interface RoomEvents extends EarEvents { join: any; leave: any; out: any }
export interface HouseEvents extends RoomEvents {
  open: any; disconnect: { error: PorthouseError; pause: number }; room: Room; error: PorthouseError; expiring: { in: number }
}
export interface PipeEvents {
  message: string | Uint8Array; open: undefined; reconnect: Gap; close: PorthouseError
  disconnect: { error: PorthouseError; pause: number }
}

export interface Room extends AsyncIterable<Message> {
  /** In full: alice/notes. */
  readonly name: string
  on<E extends keyof RoomEvents>(event: E, listener: (what: RoomEvents[E]) => void): () => void
  off<E extends keyof RoomEvents>(event: E, listener: (what: RoomEvents[E]) => void): void
  send(data: Data, options?: Sending): Promise<Receipt>
  who(): Promise<Member[]>
  rules(patch?: object): Promise<any>
  putOut(clientOrSequence: string): Promise<number>
  leave(): Promise<void>
  [Symbol.asyncIterator](): AsyncIterableIterator<Message>
}

export interface House extends AsyncIterable<Message> {
  /** Done once the house has said who this is. */
  readonly ready: Promise<any>
  readonly client: string | null | undefined
  readonly sequence: string | undefined
  readonly rooms: Room[]
  readonly bufferedAmount: number
  on<E extends keyof HouseEvents>(event: E, listener: (what: HouseEvents[E]) => void): () => void
  off<E extends keyof HouseEvents>(event: E, listener: (what: HouseEvents[E]) => void): void
  /** Without a name: the room that the address leads to. */
  join(name?: string, secrets?: Secrets): Promise<Room>
  newRoom(name: string, rules?: object, options?: { keep?: boolean }): Promise<Room>
  /** Directly to the clients in `to`. */
  send(data: Data, options: Sending & { to: string | string[] }): Promise<Receipt>
  auth(credentials: { client?: string; password?: string; otp?: Later<string>; token?: PipeOptions["token"] }): Promise<any>
  whoami(): Promise<any>
  spaces(): Promise<{ room: string; members: number; kind: string; access: string; asks?: string[] }[]>
  who(room: string | Room): Promise<Member[]>
  rules(room: string | Room, patch?: object): Promise<any>
  putOut(room: string | Room, clientOrSequence: string): Promise<number>
  command(envelope: { do: string; [key: string]: any }): Promise<any>
  close(): void
  [Symbol.asyncIterator](): AsyncIterableIterator<Message>
}

export interface Pipe extends AsyncIterable<string | Uint8Array> {
  readonly bufferedAmount: number
  on<E extends keyof PipeEvents>(event: E, listener: (what: PipeEvents[E]) => void): () => void
  off<E extends keyof PipeEvents>(event: E, listener: (what: PipeEvents[E]) => void): void
  send(data: string | ArrayBuffer | ArrayBufferView): Promise<void>
  close(): void
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Uint8Array>
}

export function connect(url: string | URL, options?: Options): House
export function raw(url: string | URL, options?: PipeOptions): Pipe

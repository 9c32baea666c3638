/** An error as the ECS API answers it. Source: ECS API reference, “Errors” of each action, and “Common error types”. */

export class EcsError extends Error {
  readonly type: string
  readonly fields: Readonly<Record<string, unknown>>

  constructor(type: string, message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.type = type
    this.fields = fields
  }

  get body(): string {
    return JSON.stringify({ __type: this.type, message: this.message, ...this.fields })
  }
}

/**
 * A real HTTP server that answers as CloudFormation's public Query API does for one stack with a movable egress, and fails
 * as told. Time goes on by one event, and by ten seconds of its clock, with every look at the events.
 * Source: API reference, DescribeStacks, UpdateStack, DescribeStackEvents; user guide, "Stack status codes".
 */
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { CloudFormationClient } from "@aws-sdk/client-cloudformation"

const NAME = "perigee-production-network"
const ID = `arn:aws:cloudformation:eu-central-1:111122223333:stack/${NAME}/5f1c`
/** Smaller than AWS's hundred, so that there are pages. */
const PAGE = 4
const MAY_UPDATE = new Set(["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])

type Step = readonly [resource: string, type: string, status: string, reason?: string | undefined]
export type Outcome = "complete" | "rolls back" | "rollback fails"

interface Event {
  readonly id: number
  readonly token: string
  readonly step: Step
}

export class ScriptedCloudFormation {
  readonly client: CloudFormationClient
  /** Of each UpdateStack that was taken, its parameters as sent: the value, or `previous`. */
  readonly updates: Record<string, string>[] = []
  /** How the update to a zone ends. */
  outcomes: Readonly<Record<string, Outcome>> = {}
  status = "CREATE_COMPLETE"
  /** The update that the next UpdateStack finds before it, of somebody else. */
  meddler = false
  readonly #server: Server
  #zone: string
  #events: Event[] = []
  #script: { token: string; steps: Step[] } | undefined

  private constructor(server: Server, zone: string) {
    this.#server = server
    this.#zone = zone
    this.client = new CloudFormationClient({
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: "eu-central-1",
      credentials: { accessKeyId: "any", secretAccessKey: "any" },
      maxAttempts: 1,
    })
    server.on("request", async (request, response) => {
      const body: Buffer[] = []
      for await (const chunk of request) body.push(chunk)
      const parameters = new URLSearchParams(Buffer.concat(body).toString())
      const action = parameters.get("Action") ?? ""
      const answer = this.#answer(action, parameters)
      response.statusCode = "error" in answer ? 400 : 200
      response.setHeader("content-type", "text/xml")
      const namespace = 'xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"'
      response.end(
        "error" in answer
          ? `<ErrorResponse ${namespace}><Error><Type>Sender</Type><Code>ValidationError</Code><Message>${answer.error}</Message></Error></ErrorResponse>`
          : `<${action}Response ${namespace}><${action}Result>${answer.result}</${action}Result></${action}Response>`,
      )
    })
  }

  /** With the egress in `zone`. */
  static async open(zone: string): Promise<ScriptedCloudFormation> {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    return new ScriptedCloudFormation(server, zone)
  }

  get zone(): string {
    return this.#zone
  }

  /** An update that another program, with this token, has begun. */
  begin(zone: string, token: string): void {
    this.#begin(zone, token)
  }

  /** The update that is under way comes to its end, with nobody looking. */
  finish(): void {
    while (this.#script !== undefined) this.#goOn()
  }

  async close(): Promise<void> {
    this.client.destroy()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, "close")
  }

  #answer(action: string, parameters: URLSearchParams): { result: string } | { error: string } {
    const asked = parameters.get("StackName")
    if (asked !== NAME && asked !== ID) return { error: `Stack with id ${asked} does not exist` }
    if (action === "DescribeStacks") return { result: this.#stack() }
    if (action === "DescribeStackEvents") return { result: this.#page(Number(parameters.get("NextToken") ?? 0)) }
    if (action === "UpdateStack") return this.#update(parameters)
    return { error: `no action ${action}` }
  }

  #stack(): string {
    const parameter = (key: string, value: string) =>
      `<member><ParameterKey>${key}</ParameterKey><ParameterValue>${value}</ParameterValue></member>`
    return `<Stacks><member><StackName>${NAME}</StackName><StackId>${ID}</StackId><StackStatus>${this.status}</StackStatus>
<CreationTime>2026-01-01T00:00:00Z</CreationTime>
<Parameters>${parameter("EgressZone", this.#zone)}${parameter("EgressAddress", "55.55.55.55")}</Parameters>
<Outputs><member><OutputKey>EgressIp</OutputKey><OutputValue>55.55.55.55</OutputValue></member></Outputs></member></Stacks>`
  }

  #update(parameters: URLSearchParams): { result: string } | { error: string } {
    if (this.meddler || !MAY_UPDATE.has(this.status)) {
      const status = this.meddler ? "UPDATE_IN_PROGRESS" : this.status
      return { error: `Stack:${ID} is in ${status} state and can not be updated.` }
    }
    if (!parameters.toString().includes("CAPABILITY_IAM")) return { error: "Requires capabilities : [CAPABILITY_IAM]" }
    if (parameters.get("UsePreviousTemplate") !== "true") return { error: "no template" }
    const told: Record<string, string> = {}
    for (let at = 1; parameters.has(`Parameters.member.${at}.ParameterKey`); at += 1) {
      const of = (name: string) => parameters.get(`Parameters.member.${at}.${name}`)
      told[of("ParameterKey") ?? ""] = of("UsePreviousValue") === "true" ? "previous" : (of("ParameterValue") ?? "")
    }
    const zone = told["EgressZone"] ?? ""
    if (zone === this.#zone) return { error: "No updates are to be performed." }
    this.updates.push(told)
    this.#begin(zone, parameters.get("ClientRequestToken") ?? "")
    return { result: `<StackId>${ID}</StackId>` }
  }

  #begin(zone: string, token: string): void {
    const stack = (status: string): Step => [NAME, "AWS::CloudFormation::Stack", status]
    const gateway = (of: string, status: string, reason?: string): Step => [
      `NatGateway${of.toUpperCase()}`,
      "AWS::EC2::NatGateway",
      status,
      reason,
    ]
    const route = (status: string): Step => ["ServiceRouteA", "AWS::EC2::Route", status]
    const former = this.#zone
    const outcome = this.outcomes[zone] ?? "complete"
    const steps: Step[] = [stack("UPDATE_IN_PROGRESS")]
    if (outcome === "complete") {
      if (zone !== "none") {
        steps.push(gateway(zone, "CREATE_IN_PROGRESS"), gateway(zone, "CREATE_COMPLETE"))
        steps.push(route("CREATE_IN_PROGRESS"), route("CREATE_COMPLETE"))
      }
      steps.push(stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
      if (former !== "none") {
        steps.push(route("DELETE_IN_PROGRESS"), route("DELETE_COMPLETE"))
        steps.push(gateway(former, "DELETE_IN_PROGRESS"), gateway(former, "DELETE_COMPLETE"))
      }
      steps.push(stack("UPDATE_COMPLETE"))
      this.#zone = zone
    } else {
      steps.push(gateway(zone, "CREATE_FAILED", "no room in the zone"))
      steps.push(stack("UPDATE_ROLLBACK_IN_PROGRESS"), stack("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"))
      steps.push(stack(outcome === "rolls back" ? "UPDATE_ROLLBACK_COMPLETE" : "UPDATE_ROLLBACK_FAILED"))
    }
    this.#script = { token, steps }
    this.#goOn()
  }

  #goOn(): void {
    const script = this.#script
    const step = script?.steps.shift()
    if (script === undefined || step === undefined) return
    this.#events.unshift({ id: this.#events.length + 1, token: script.token, step })
    if (step[1] === "AWS::CloudFormation::Stack") this.status = step[2]
    if (script.steps.length === 0) this.#script = undefined
  }

  #page(from: number): string {
    const members = this.#events
      .slice(from, from + PAGE)
      .map(({ id, token, step: [resource, type, status, reason] }) => {
        const physical = type === "AWS::CloudFormation::Stack" ? ID : `id-of-${resource}`
        return `<member><StackId>${ID}</StackId><StackName>${NAME}</StackName><EventId>event-${id}</EventId>
<LogicalResourceId>${resource}</LogicalResourceId><PhysicalResourceId>${physical}</PhysicalResourceId>
<ResourceType>${type}</ResourceType><ResourceStatus>${status}</ResourceStatus>
<ResourceStatusReason>${reason ?? ""}</ResourceStatusReason><ClientRequestToken>${token}</ClientRequestToken>
<Timestamp>${new Date(Date.UTC(2026, 0, 1) + id * 10_000).toISOString()}</Timestamp></member>`
      })
    const more = from + PAGE < this.#events.length ? `<NextToken>${from + PAGE}</NextToken>` : ""
    if (from === 0) this.#goOn()
    return `<StackEvents>${members.join("")}</StackEvents>${more}`
  }
}

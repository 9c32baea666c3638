/** TLS's certificate is issued, and for the stage's name. */
import { ACMClient, type CertificateDetail, DescribeCertificateCommand } from "@aws-sdk/client-acm"
import { type Check, failed, ok, unknown } from "../check.ts"
import type { Session } from "../session.ts"
import { resources } from "../stacks.ts"

export const certificate: Check = {
  name: "certificate",
  async findings(session, signal) {
    const { certificate: wanted } = session.stage.entry
    const arn = "certificateArn" in wanted ? wanted.certificateArn : await arnInStack(session, signal)
    if (arn === undefined) {
      return [
        unknown(
          "certificate could not be checked: it is not deployed yet",
          "it comes with the first deployment of the stack platform",
        ),
      ]
    }
    const found = await describe(session, arn, signal)
    if (found === undefined)
      return [failed(`certificate ${arn} is not there`, "mend entry.certificate, or deploy platform")]
    const { Status, DomainName = "", SubjectAlternativeNames = [], NotAfter, FailureReason } = found
    const what = `certificate for ${DomainName}`
    if (Status !== "ISSUED") {
      const reason = FailureReason === undefined ? "" : ` (${FailureReason})`
      return [
        failed(`${what}: ${Status}${reason}`, "make the DNS records that ACM asks for: aws acm describe-certificate"),
      ]
    }
    if (NotAfter !== undefined && NotAfter <= session.now())
      return [failed(`${what}: expired ${NotAfter.toISOString()}`, "see why ACM could not renew it: its DNS records")]
    if (!("certificateArn" in wanted)) {
      const name = wanted.name ?? wanted.zoneName
      if (![DomainName, ...SubjectAlternativeNames].some((one) => covers(one, name)))
        return [failed(`${what}: the stage's name is ${name}`, "deploy platform again, or mend entry.certificate")]
    }
    return [ok(`${what}: issued${NotAfter === undefined ? "" : `, until ${NotAfter.toISOString().slice(0, 10)}`}`)]
  },
}

/** Whether a certificate's name stands for a host's: a star is one label. Source: RFC 6125, 6.4.3. */
export function covers(certified: string, host: string): boolean {
  const [name, wanted] = [certified.toLowerCase(), host.toLowerCase()]
  return name === wanted || (name.startsWith("*.") && wanted.replace(/^[^.]+\./, "*.") === name)
}

async function arnInStack(session: Session, signal: AbortSignal): Promise<string | undefined> {
  const all = await resources(session, "platform", signal)
  return all.find(({ ResourceType }) => ResourceType === "AWS::CertificateManager::Certificate")?.PhysicalResourceId
}

async function describe({ aws }: Session, arn: string, signal: AbortSignal): Promise<CertificateDetail | undefined> {
  try {
    const { Certificate } = await aws
      .client(ACMClient)
      .send(new DescribeCertificateCommand({ CertificateArn: arn }), { abortSignal: signal })
    return Certificate
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined
    throw error
  }
}

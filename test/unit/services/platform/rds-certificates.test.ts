/** Claims about the certificates of DB_CA=rds: whose they are, until when they hold, and which regions they leave out. */
import { X509Certificate } from "node:crypto"
import { ConfigurationUnusable } from "@perigee/platform/exit-code"
import { rdsCertificates } from "@perigee/platform/rds-certificates"
import { expect } from "chai"

const DAY_MS = 86_400_000

describe("the certificates of DB_CA=rds", () => {
  const certificates = rdsCertificates("db.example.com").map((pem) => new X509Certificate(pem))
  const roots = certificates.filter(({ subject }) => subject.includes(" Root CA "))
  const hold = roots.filter(({ validToDate }) => validToDate.getTime() > Date.now() + 365 * DAY_MS)

  it("parse, are authorities', and all of Amazon RDS: none signs anybody else's", () => {
    for (const { ca, subject } of certificates) {
      expect([ca, /^(?:CN|.*\nCN)=Amazon RDS [\w -]+$/m.test(subject)], subject).to.deep.equal([true, true])
    }
  })

  it("hold for a year and more, and are signed by themselves, in every region and for all three kinds of keys", () => {
    const kinds = new Map<string, string[]>()
    for (const certificate of hold) {
      expect(certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)).to.equal(true)
      const [, region = "", kind = ""] = /Amazon RDS (\S+) Root CA (\w+) G1/.exec(certificate.subject) ?? []
      if (region) kinds.set(region, [...(kinds.get(region) ?? []), kind].sort())
    }
    expect([...kinds.keys()]).to.include.members(["eu-central-1", "eu-west-1", "us-east-1", "us-west-2", "ap-south-1"])
    for (const [region, all] of kinds) expect(all, region).to.deep.equal(["ECC384", "RSA2048", "RSA4096"])
  })

  it("know the region of an RDS host, and say so where they leave it out", () => {
    const host = (region: string) => `db.cluster-abc.${region}.rds.amazonaws.com`
    expect(rdsCertificates(host("eu-central-1"))).to.have.lengthOf(certificates.length)
    for (const region of ["eu-central-9", "us-gov-west-1"]) {
      expect(() => rdsCertificates(host(region))).to.throw(
        ConfigurationUnusable,
        `DB_CA=rds: no certificates of ${region} are known; set DB_CA_FILE to that region's bundle`,
      )
    }
    expect(() => rdsCertificates(`${host("cn-north-1")}.cn`)).to.throw(ConfigurationUnusable, "cn-north-1")
  })
})

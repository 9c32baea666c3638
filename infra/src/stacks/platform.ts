/** The flights platform: one public load balancer behind a web application firewall, and three services on Fargate. */
import { Duration, Stack, type StackProps } from "aws-cdk-lib"
import { Certificate, CertificateValidation, type ICertificate } from "aws-cdk-lib/aws-certificatemanager"
import { Dashboard, GraphWidget, type IWidget, TextWidget } from "aws-cdk-lib/aws-cloudwatch"
import { Cluster, ContainerInsights, type ICluster } from "aws-cdk-lib/aws-ecs"
import {
  type ApplicationListener,
  ApplicationLoadBalancer,
  ApplicationProtocol,
  type CfnListener,
  DesyncMitigationMode,
  HttpCodeElb,
  ListenerAction,
  SslPolicy,
} from "aws-cdk-lib/aws-elasticloadbalancingv2"
import { ARecord, HostedZone, RecordTarget } from "aws-cdk-lib/aws-route53"
import { LoadBalancerTarget } from "aws-cdk-lib/aws-route53-targets"
import { BucketEncryption, type IBucket } from "aws-cdk-lib/aws-s3"
import type { Construct } from "constructs"
import { clusterName } from "../names.ts"
import { SERVICES, type Stage } from "../stage.ts"
import { alarm, MINUTE } from "./alarms.ts"
import { output } from "./customer-key.ts"
import type { DataStack } from "./data.ts"
import { Firewall } from "./firewall.ts"
import { FlightsService } from "./flights-service.ts"
import type { NetworkStack } from "./network.ts"
import { privateBucket } from "./private-bucket.ts"

/** Longer than the load balancer's idle time: services keep connections for 65 s (docs/services.md). */
const IDLE = Duration.seconds(60)
const NOT_FOUND = JSON.stringify({
  type: "urn:problem-type:perigee:not-found",
  title: "Not Found",
  status: 404,
  detail: "No service has this path",
})

export class PlatformStack extends Stack {
  constructor(scope: Construct, id: string, stage: Stage, network: NetworkStack, data: DataStack, props: StackProps) {
    super(scope, id, { ...props, description: `Perigee ${stage.name}: load balancer and the three flights services` })

    const balancer = this.#loadBalancer(stage, network)
    const listener = this.#listeners(stage, balancer)
    new Firewall(this, "Firewall", stage, balancer.loadBalancerArn, network.operationsKey)
    const cluster: ICluster = new Cluster(this, "Cluster", {
      clusterName: clusterName(stage.name, "platform"),
      vpc: network.vpc,
      containerInsightsV2: ContainerInsights.ENABLED,
    }) as ICluster
    const services = SERVICES.map(
      (name, at) =>
        new FlightsService(this, name, stage, { name, listener, priority: 10 * (at + 1), cluster, network, data }),
    )
    alarm(this, "EntranceErrorsAlarm", network.alarms, {
      metric: balancer.metrics.httpCodeElb(HttpCodeElb.ELB_5XX_COUNT, { statistic: "Sum", period: MINUTE }),
      description:
        "The load balancer itself answers 5xx: no healthy task, or tasks that cut connections; see the services' alarms and events",
      threshold: 10,
    })
    this.#dashboard(stage, balancer, services)
    output(this, "Address", balancer.loadBalancerDnsName, "The load balancer's own name")
  }

  #loadBalancer(stage: Stage, network: NetworkStack): ApplicationLoadBalancer {
    const logs = privateBucket(this, "AccessLogs", stage, {
      // ELB writes its logs with S3's own key only. Source: ELB user guide, “Enable access logs”.
      encryption: BucketEncryption.S3_MANAGED,
      lifecycle: { expiration: Duration.days(stage.logDays), noncurrentVersionExpiration: Duration.days(1) },
      withoutLog: "A log of reads of the logs would need a log of its own",
    })
    const balancer = new ApplicationLoadBalancer(this, "LoadBalancer", {
      vpc: network.vpc,
      vpcSubnets: { subnets: network.vpc.publicSubnets },
      internetFacing: true,
      securityGroup: network.groups.load_balancer,
      deletionProtection: stage.protect,
      dropInvalidHeaderFields: true,
      desyncMitigationMode: DesyncMitigationMode.STRICTEST,
      idleTimeout: IDLE,
      preserveHostHeader: true,
      crossZoneEnabled: true,
    })
    balancer.logAccessLogs(logs as IBucket, "load-balancer")
    return balancer
  }

  #listeners(stage: Stage, balancer: ApplicationLoadBalancer): ApplicationListener {
    const redirect = balancer.addListener("Http", {
      port: 80,
      open: false,
      defaultAction: ListenerAction.redirect({ protocol: "HTTPS", port: "443", permanent: true }),
    })
    const listener = balancer.addListener("Https", {
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      open: false,
      sslPolicy: SslPolicy.RECOMMENDED_TLS,
      certificates: [this.#certificate(stage, balancer)],
      defaultAction: ListenerAction.fixedResponse(404, { contentType: "application/json", messageBody: NOT_FOUND }),
    })
    // Source: ELB user guide, “HTTP header modification”.
    const nameless = { key: "routing.http.response.server.enabled", value: "false" }
    ;(redirect.node.defaultChild as CfnListener).listenerAttributes = [nameless]
    ;(listener.node.defaultChild as CfnListener).listenerAttributes = [
      nameless,
      { key: "routing.http.response.strict_transport_security.header_value", value: "max-age=31536000" },
      { key: "routing.http.response.x_content_type_options.header_value", value: "nosniff" },
    ]
    return listener
  }

  /** An ARN as given; or a certificate and an address record in a hosted zone. */
  #certificate({ entry: { certificate } }: Stage, balancer: ApplicationLoadBalancer): ICertificate {
    if ("certificateArn" in certificate) {
      return Certificate.fromCertificateArn(this, "Certificate", certificate.certificateArn)
    }
    const { zoneId, zoneName, name = zoneName } = certificate
    const zone = HostedZone.fromHostedZoneAttributes(this, "Zone", { hostedZoneId: zoneId, zoneName })
    new ARecord(this, "Name", {
      zone,
      recordName: `${name}.`,
      target: RecordTarget.fromAlias(new LoadBalancerTarget(balancer)),
    })
    return new Certificate(this, "Certificate", { domainName: name, validation: CertificateValidation.fromDns(zone) })
  }

  /** What a person looks at first: is it up, is it slow, is it busy, and do messages get out. */
  #dashboard(stage: Stage, balancer: ApplicationLoadBalancer, services: readonly FlightsService[]): void {
    const graph = (title: string, metrics: ConstructorParameters<typeof GraphWidget>[0]["left"]): IWidget =>
      new GraphWidget({ title, left: metrics ?? [], width: 8 })
    const dashboard = new Dashboard(this, "Dashboard", {
      dashboardName: `perigee-${stage.name}`,
      defaultInterval: Duration.hours(3),
    })
    dashboard.addWidgets(
      new TextWidget({
        markdown: `# Perigee ${stage.name}\nRequests come in by the load balancer and leave by one address.`,
        width: 24,
        height: 2,
      }),
    )
    dashboard.addWidgets(
      graph("Requests", [balancer.metrics.requestCount()]),
      graph("Errors of the entrance", [
        balancer.metrics.httpCodeElb(HttpCodeElb.ELB_4XX_COUNT),
        balancer.metrics.httpCodeElb(HttpCodeElb.ELB_5XX_COUNT),
      ]),
      graph("New connections", [balancer.metrics.newConnectionCount()]),
    )
    for (const { name, service, targets } of services) {
      dashboard.addWidgets(
        graph(`${name}: response time`, [
          targets.metrics.targetResponseTime({ statistic: "p50" }),
          targets.metrics.targetResponseTime({ statistic: "p99" }),
        ]),
        graph(`${name}: healthy tasks`, [targets.metrics.healthyHostCount(), targets.metrics.unhealthyHostCount()]),
        graph(`${name}: CPU and memory`, [service.metricCpuUtilization(), service.metricMemoryUtilization()]),
      )
    }
  }
}

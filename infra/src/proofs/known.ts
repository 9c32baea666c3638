/**
 * What the stacks are known to use, and who looks at it: types, their properties, parameters and conditions. It is written
 * by hand, and derived from no template, so that a new thing must be looked at before it is listed here.
 */

/** `value`: a text, number, truth value, reference, or a list of them; `any`: a document that is read elsewhere as a whole. */
export type Shape = "value" | "any" | { readonly [property: string]: Shape }

/**
 * Properties by type: names apart by spaces, what is within one in braces, a star after one whose content is read elsewhere
 * as a whole (policies) or opens nothing (tags). Before each, the proofs that look at it, or why it opens nothing.
 */
const TYPES = {
  // compute.scaling
  "AWS::ApplicationAutoScaling::ScalableTarget": `MaxCapacity MinCapacity ResourceId RoleARN ScalableDimension ServiceNamespace Tags*`,
  // compute.scaling
  "AWS::ApplicationAutoScaling::ScalingPolicy": `
    PolicyName PolicyType ScalingTargetId TargetTrackingScalingPolicyConfiguration
    {PredefinedMetricSpecification {PredefinedMetricType ResourceLabel} ScaleInCooldown ScaleOutCooldown
    TargetValue}
  `,
  // entrance: the listener's; validated by DNS, opens nothing
  "AWS::CertificateManager::Certificate": `DomainName DomainValidationOptions {DomainName HostedZoneId} Tags* ValidationMethod`,
  // compute.alarms-heard
  "AWS::CloudWatch::Alarm": `
    AlarmActions AlarmDescription ComparisonOperator Dimensions {Name Value} EvaluationPeriods MetricName
    Metrics {Expression Id Label MetricStat {Metric {Dimensions {Name Value} MetricName Namespace} Period Stat}
    ReturnData} Namespace OKActions Period Statistic Tags* Threshold TreatMissingData
  `,
  // shows measurements to whoever may see them in the account; opens nothing
  "AWS::CloudWatch::Dashboard": `DashboardBody DashboardName Tags*`,
  // data.tables
  "AWS::DynamoDB::Table": `
    AttributeDefinitions {AttributeName AttributeType} BillingMode DeletionProtectionEnabled KeySchema
    {AttributeName KeyType} PointInTimeRecoverySpecification {PointInTimeRecoveryEnabled} SSESpecification
    {KMSMasterKeyId SSEEnabled SSEType} TableName Tags*
  `,
  // egress
  "AWS::EC2::EIP": `Domain Tags* Address PublicIpv4Pool`,
  // facts.flow-logs
  "AWS::EC2::FlowLog": `
    DeliverLogsPermissionArn LogDestinationType LogGroupName MaxAggregationInterval ResourceId ResourceType
    Tags* TrafficType
  `,
  // network
  "AWS::EC2::InternetGateway": `Tags*`,
  // network
  "AWS::EC2::NatGateway": `AllocationId ConnectivityType SubnetId Tags*`,
  // network
  "AWS::EC2::NetworkAcl": `Tags* VpcId`,
  // network
  "AWS::EC2::NetworkAclEntry": `CidrBlock Egress NetworkAclId PortRange {From To} Protocol RuleAction RuleNumber`,
  // network
  "AWS::EC2::Route": `DestinationCidrBlock GatewayId NatGatewayId RouteTableId`,
  // network
  "AWS::EC2::RouteTable": `Tags* VpcId`,
  // network
  "AWS::EC2::SecurityGroup": `
    GroupDescription SecurityGroupEgress {CidrIp Description FromPort IpProtocol ToPort} SecurityGroupIngress
    {CidrIp Description FromPort IpProtocol ToPort} Tags* VpcId
  `,
  // network
  "AWS::EC2::SecurityGroupEgress": `Description DestinationSecurityGroupId FromPort GroupId IpProtocol ToPort`,
  // network
  "AWS::EC2::SecurityGroupIngress": `Description FromPort GroupId IpProtocol SourceSecurityGroupId ToPort`,
  // network
  "AWS::EC2::Subnet": `AvailabilityZone CidrBlock MapPublicIpOnLaunch Tags* VpcId`,
  // network
  "AWS::EC2::SubnetNetworkAclAssociation": `NetworkAclId SubnetId`,
  // network
  "AWS::EC2::SubnetRouteTableAssociation": `RouteTableId SubnetId`,
  // network
  "AWS::EC2::VPC": `CidrBlock EnableDnsHostnames EnableDnsSupport Tags*`,
  // network
  "AWS::EC2::VPCEndpoint": `
    PolicyDocument* PrivateDnsEnabled RouteTableIds SecurityGroupIds ServiceName SubnetIds Tags* VpcEndpointType
    VpcId
  `,
  // network
  "AWS::EC2::VPCGatewayAttachment": `InternetGatewayId VpcId`,
  // data.images
  "AWS::ECR::Repository": `
    EmptyOnDelete EncryptionConfiguration {EncryptionType KmsKey} ImageScanningConfiguration {ScanOnPush}
    ImageTagMutability LifecyclePolicy {LifecyclePolicyText} RepositoryName Tags*
  `,
  // compute.insights
  "AWS::ECS::Cluster": `ClusterName ClusterSettings {Name Value} Tags*`,
  // compute, network
  "AWS::ECS::Service": `
    AvailabilityZoneRebalancing Cluster DeploymentConfiguration {Alarms {AlarmNames Enable Rollback}
    DeploymentCircuitBreaker {Enable Rollback} MaximumPercent MinimumHealthyPercent} DeploymentController {Type}
    EnableECSManagedTags EnableExecuteCommand HealthCheckGracePeriodSeconds LaunchType LoadBalancers
    {ContainerName ContainerPort TargetGroupArn} NetworkConfiguration {AwsvpcConfiguration {AssignPublicIp
    SecurityGroups Subnets}} PlatformVersion PropagateTags ServiceName Tags* TaskDefinition
  `,
  // compute
  "AWS::ECS::TaskDefinition": `
    ContainerDefinitions {Command Environment {Name Value} Essential Image LinuxParameters {Capabilities {Drop}}
    LogConfiguration {LogDriver Options {awslogs-group awslogs-region awslogs-stream-prefix}} Name PortMappings
    {ContainerPort Protocol} ReadonlyRootFilesystem Secrets {Name ValueFrom} StopTimeout SystemControls
    {Namespace Value} User} Cpu ExecutionRoleArn Family Memory NetworkMode RequiresCompatibilities
    RuntimePlatform {CpuArchitecture OperatingSystemFamily} Tags* TaskRoleArn
  `,
  // network, entrance
  "AWS::ElasticLoadBalancingV2::Listener": `
    Certificates {CertificateArn} DefaultActions {FixedResponseConfig {ContentType MessageBody StatusCode}
    RedirectConfig {Port Protocol StatusCode} Type} ListenerAttributes {Key Value} LoadBalancerArn Port Protocol
    SslPolicy Tags*
  `,
  // network, entrance
  "AWS::ElasticLoadBalancingV2::ListenerRule": `Actions {TargetGroupArn Type} Conditions {Field PathPatternConfig {Values}} ListenerArn Priority Tags*`,
  // network, entrance
  "AWS::ElasticLoadBalancingV2::LoadBalancer": `LoadBalancerAttributes {Key Value} Scheme SecurityGroups Subnets Tags* Type`,
  // network, entrance
  "AWS::ElasticLoadBalancingV2::TargetGroup": `
    HealthCheckIntervalSeconds HealthCheckPath HealthCheckTimeoutSeconds HealthyThresholdCount Matcher
    {HttpCode} Port Protocol Tags* TargetGroupAttributes {Key Value} TargetType UnhealthyThresholdCount VpcId
  `,
  // compute.targets
  "AWS::Events::Rule": `Description EventPattern* State Tags* Targets {Arn Id InputTransformer {InputPathsMap* InputTemplate}}`,
  // permissions
  "AWS::IAM::ManagedPolicy": `Description Path PolicyDocument* Roles`,
  // permissions.oidc
  "AWS::IAM::OIDCProvider": `ClientIdList Tags* Url`,
  // permissions
  "AWS::IAM::Policy": `PolicyDocument* PolicyName Roles`,
  // permissions
  "AWS::IAM::Role": `AssumeRolePolicyDocument* Description MaxSessionDuration RoleName Tags*`,
  // names a key; opens nothing
  "AWS::KMS::Alias": `AliasName TargetKeyId`,
  // data.keys-rotate, permissions.resource-policies
  "AWS::KMS::Key": `Description EnableKeyRotation KeyPolicy* Tags*`,
  // compute.function-limits
  "AWS::Lambda::EventInvokeConfig": `FunctionName MaximumRetryAttempts Qualifier`,
  // compute, network
  "AWS::Lambda::Function": `
    Architectures Code {S3Bucket S3Key} Description Environment {Variables*} FunctionName Handler KmsKeyArn
    LoggingConfig {LogFormat LogGroup} MemorySize ReservedConcurrentExecutions Role Runtime Tags* Timeout
    VpcConfig {SecurityGroupIds SubnetIds}
  `,
  // data.logs
  "AWS::Logs::LogGroup": `KmsKeyId LogGroupName RetentionInDays Tags*`,
  // data, network
  "AWS::RDS::DBInstance": `
    AllocatedStorage AutoMinorVersionUpgrade BackupRetentionPeriod CACertificateIdentifier CopyTagsToSnapshot
    DBInstanceClass DBInstanceIdentifier DBName DBParameterGroupName DBSubnetGroupName DeleteAutomatedBackups
    DeletionProtection EnableCloudwatchLogsExports EnableIAMDatabaseAuthentication EnablePerformanceInsights
    Engine EngineVersion KmsKeyId ManageMasterUserPassword MasterUserSecret {KmsKeyId} MasterUsername
    MaxAllocatedStorage MultiAZ PerformanceInsightsKMSKeyId PerformanceInsightsRetentionPeriod
    PreferredBackupWindow PreferredMaintenanceWindow PubliclyAccessible StorageEncrypted StorageType Tags*
    VPCSecurityGroups
  `,
  // data.database-tls
  "AWS::RDS::DBParameterGroup": `Description Family Parameters* Tags*`,
  // network
  "AWS::RDS::DBSubnetGroup": `DBSubnetGroupDescription SubnetIds Tags*`,
  // entrance: a name of the load balancer; opens nothing
  "AWS::Route53::RecordSet": `AliasTarget {DNSName HostedZoneId} HostedZoneId Name Type`,
  // data.buckets
  "AWS::S3::Bucket": `
    BucketEncryption {ServerSideEncryptionConfiguration {BucketKeyEnabled ServerSideEncryptionByDefault
    {KMSMasterKeyID SSEAlgorithm}}} BucketName LifecycleConfiguration {Rules {AbortIncompleteMultipartUpload
    {DaysAfterInitiation} ExpirationInDays NoncurrentVersionExpiration {NoncurrentDays} Status}}
    OwnershipControls {Rules {ObjectOwnership}} PublicAccessBlockConfiguration {BlockPublicAcls
    BlockPublicPolicy IgnorePublicAcls RestrictPublicBuckets} Tags* VersioningConfiguration {Status}
  `,
  // permissions.resource-policies
  "AWS::S3::BucketPolicy": `Bucket PolicyDocument*`,
  // data.topics
  "AWS::SNS::Topic": `DisplayName KmsMasterKeyId Tags* TopicName`,
  // permissions.resource-policies
  "AWS::SNS::TopicPolicy": `PolicyDocument* Topics`,
  // which images run, written by the pipeline alone (permissions.roles); opens nothing
  "AWS::SSM::Parameter": `Description Name Tier Type Value`,
  // compute.targets, network
  "AWS::Scheduler::Schedule": `
    Description FlexibleTimeWindow {Mode} Name ScheduleExpression ScheduleExpressionTimezone State Target {Arn
    EcsParameters {LaunchType NetworkConfiguration {AwsvpcConfiguration {AssignPublicIp SecurityGroups Subnets}}
    PlatformVersion PropagateTags TaskCount TaskDefinitionArn} RetryPolicy {MaximumEventAgeInSeconds
    MaximumRetryAttempts} RoleArn}
  `,
  // data.secrets
  "AWS::SecretsManager::Secret": `Description GenerateSecretString* KmsKeyId Name Tags*`,
  // entrance
  "AWS::WAFv2::LoggingConfiguration": `
    LogDestinationConfigs LoggingFilter {DefaultBehavior Filters {Behavior Conditions {ActionCondition {Action}}
    Requirement}} RedactedFields {SingleHeader {Name}} ResourceArn
  `,
  // entrance
  "AWS::WAFv2::WebACL": `
    DefaultAction {Allow} Description Name Rules {Action {Block {CustomResponse {ResponseCode}}} Name
    OverrideAction {None} Priority Statement {ManagedRuleGroupStatement {Name VendorName} RateBasedStatement
    {AggregateKeyType EvaluationWindowSec Limit}} VisibilityConfig {CloudWatchMetricsEnabled MetricName
    SampledRequestsEnabled}} Scope Tags* VisibilityConfig {CloudWatchMetricsEnabled MetricName
    SampledRequestsEnabled}
  `,
  // entrance
  "AWS::WAFv2::WebACLAssociation": `ResourceArn WebACLArn`,
} as const

function shapeOf(text: string): Shape {
  const root: Record<string, Shape> = {}
  const open = [root]
  let last = ""
  for (const word of text.match(/[{}]|[^\s{}]+/g) ?? []) {
    const here = open.at(-1) ?? root
    if (word === "{") {
      const below: Record<string, Shape> = {}
      here[last] = below
      open.push(below)
    } else if (word === "}") open.pop()
    else {
      last = word.replace(/\*$/, "")
      here[last] = word.endsWith("*") ? "any" : "value"
    }
  }
  return root
}

export const KNOWN: Readonly<Record<string, Shape>> = Object.fromEntries(
  Object.entries(TYPES).map(([type, text]) => [type, shapeOf(text)]),
)

/** Which zone the egress address stands in; the egress proofs try every value. */
const EGRESS = new Set(["EgressZone", "EgressAddressPool", "EgressAddress"])

/** Such as `UserMetadataImage`: which image runs, from a parameter that the pipeline writes. CDK's own asks how old it is. */
export function isKnownParameter(template: string, name: string): boolean {
  if (template === "network" && EGRESS.has(name)) return true
  if (template !== "network" && /^(UserMetadata|FlightMetadata|FlightsAvailability|GetData)Image$/.test(name))
    return true
  return name === "BootstrapVersion"
}

/** Conditions of the network: of the three parameters above. */
export const CONDITIONS = /^Egress(FromPool|Stands|In[A-Z])$/

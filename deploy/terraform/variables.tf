# Written by `npm run generate -w deploy` from template.yaml.

variable "authentication" {
  type        = string
  default     = "API_KEYS"
  description = "API_KEYS asks for Authorization Bearer with a key, whose scopes say which routes it opens. IAM asks for a signed request, and policies of the callers say which routes they may invoke."
}

variable "api_keys" {
  type        = string
  default     = ""
  description = "Further keys by their hashes alone, each as name:scope+scope:sha256, with commas between them; `pik keygen` prints one. The first key is made by this template and lies in Secrets Manager."
}

variable "throttle_rate" {
  type        = number
  default     = 100
  description = "Requests per second that the API lets through on average; a request may bring up to 5,000 events."
}

variable "throttle_burst" {
  type        = number
  default     = 200
  description = "Requests that the API lets through at once."
}

variable "raw_retention_days" {
  type        = string
  default     = "0"
  description = "Days after which the bucket drops a pack of the raw log; 0 keeps it for ever. The index forgets an event seven days earlier, so that no row ever names bytes that are gone. It may be raised later but not lowered, since rows that are there keep their day."
}

variable "log_retention_days" {
  type        = number
  default     = 30
  description = "Days for which the log lines of the functions and the access log are kept."
}

variable "enable_processor" {
  type        = string
  default     = "true"
  description = "Whether messages of replays are processed. While it is false they wait in the queue, for at most ten days."
}

variable "processor_concurrency" {
  type        = number
  default     = 10
  description = "Messages that are processed at the same time."
}

variable "enable_monitors" {
  type        = string
  default     = "false"
  description = "Whether the monitors of pik.config.ts are judged each minute, and alerts sent. Set the variables of its sinks at the watcher function."
}

variable "alarm_topic_arn" {
  type        = string
  default     = "none"
  description = "The SNS topic that hears of alarms, or none."
}

variable "lag_alarm_ms" {
  type        = number
  default     = 21600000
  description = "Milliseconds of lag that one event in a hundred may exceed before the lag alarm rings. The default is six hours."
}

variable "silence_alarm_hours" {
  type        = number
  default     = 3
  description = "Hours without a single record after which the silence alarm rings."
}

variable "athena_database" {
  type        = string
  default     = "pik"
  description = "Name of the Athena database; a second stack in the same account and region needs another."
}

variable "domain_name" {
  type        = string
  default     = "none"
  description = "The host name of your own under which the API answers too, or none."
}

variable "certificate_arn" {
  type        = string
  default     = "none"
  description = "The certificate of DomainName, in the Certificate Manager of this region, or none."
}

variable "hosted_zone_id" {
  type        = string
  default     = "none"
  description = "The hosted zone of Route 53 in which the stack keeps the record of DomainName, or none if you keep the record yourself."
}

variable "subnet_ids" {
  type        = string
  default     = "none"
  description = "Subnets of a VPC in which the functions run, with commas between them, or none. They need a way to the AWS services that the functions call."
}

variable "security_group_ids" {
  type        = string
  default     = "none"
  description = "Security groups of the functions in SubnetIds, with commas between them, or none."
}

variable "monthly_budget_usd" {
  type        = number
  default     = 0
  description = "US dollars a month that this stack may cost before BudgetEmail gets a mail; 0 creates no budget."
}

variable "budget_email" {
  type        = string
  default     = "none"
  description = "The address that gets the mails of the budget, or none."
}

locals {
  parameters = {
    Authentication       = var.authentication
    ApiKeys              = var.api_keys
    ThrottleRate         = var.throttle_rate
    ThrottleBurst        = var.throttle_burst
    RawRetentionDays     = var.raw_retention_days
    LogRetentionDays     = var.log_retention_days
    EnableProcessor      = var.enable_processor
    ProcessorConcurrency = var.processor_concurrency
    EnableMonitors       = var.enable_monitors
    AlarmTopicArn        = var.alarm_topic_arn
    LagAlarmMs           = var.lag_alarm_ms
    SilenceAlarmHours    = var.silence_alarm_hours
    AthenaDatabase       = var.athena_database
    DomainName           = var.domain_name
    CertificateArn       = var.certificate_arn
    HostedZoneId         = var.hosted_zone_id
    SubnetIds            = var.subnet_ids
    SecurityGroupIds     = var.security_group_ids
    MonthlyBudgetUsd     = var.monthly_budget_usd
    BudgetEmail          = var.budget_email
  }
}

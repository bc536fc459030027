# Written by `npm run generate -w deploy` from template.yaml.

output "api_url" {
  value       = lookup(aws_cloudformation_stack.kit.outputs, "ApiUrl", null)
  description = "Where producers and investigators send their requests; what --url takes"
}

output "domain_target" {
  value       = lookup(aws_cloudformation_stack.kit.outputs, "DomainTarget", null)
  description = "What the DNS record of DomainName points to, if you keep it yourself"
}

output "first_api_key_secret" {
  value       = lookup(aws_cloudformation_stack.kit.outputs, "FirstApiKeySecret", null)
  description = "Where the first API key lies; aws secretsmanager get-secret-value shows it"
}

output "raw_bucket_name" {
  value       = lookup(aws_cloudformation_stack.kit.outputs, "RawBucketName", null)
  description = "The bucket of the raw log; it stays when the stack is deleted"
}

output "index_table_name" {
  value       = lookup(aws_cloudformation_stack.kit.outputs, "IndexTableName", null)
  description = "The table of the index; it stays when the stack is deleted"
}

output "aggregates_table_name" {
  value       = lookup(aws_cloudformation_stack.kit.outputs, "AggregatesTableName", null)
  description = "The table of the versions of values; it stays when the stack is deleted"
}

output "replays_table_name" {
  value       = lookup(aws_cloudformation_stack.kit.outputs, "ReplaysTableName", null)
  description = "The table of the replays; it stays when the stack is deleted"
}

output "replay_queue_url" {
  value       = lookup(aws_cloudformation_stack.kit.outputs, "ReplayQueueUrl", null)
  description = "Where messages of replays wait"
}

output "dead_letter_queue_url" {
  value       = lookup(aws_cloudformation_stack.kit.outputs, "DeadLetterQueueUrl", null)
  description = "Where messages lie that could not be processed"
}

output "dashboard_url" {
  value       = lookup(aws_cloudformation_stack.kit.outputs, "DashboardUrl", null)
  description = "What the kit counts, drawn"
}

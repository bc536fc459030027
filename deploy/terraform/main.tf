# The kit as one CloudFormation stack of template.yaml, with the bundles of its functions uploaded first.

terraform {
  required_version = ">= 1.5"

  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "name" {
  type        = string
  description = "Name of the stack, of at most 52 characters; the names of its resources begin with it."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,51}$", var.name))
    error_message = "The name is a lower-case letter, then up to 51 lower-case letters, digits and hyphens."
  }
}

locals {
  functions = toset(["ingest", "sweeper", "replay", "processor", "investigate", "watcher"])
  bundles   = aws_s3_bucket.bundles.id

  # All bundles change together: a name by their content makes the stack see each change.
  revision = sha256(join("", [for name in sort(local.functions) : data.archive_file.bundle[name].output_sha256]))
}

data "archive_file" "bundle" {
  for_each = local.functions

  type             = "zip"
  source_dir       = "${path.module}/../dist/${each.key}"
  output_path      = "${path.root}/.terraform/pik/${each.key}.zip"
  output_file_mode = "0644"
}

resource "aws_s3_bucket" "bundles" {
  bucket_prefix = "${substr(var.name, 0, 24)}-bundles-"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "bundles" {
  bucket                  = aws_s3_bucket.bundles.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_object" "bundle" {
  for_each = local.functions

  bucket = aws_s3_bucket.bundles.id
  key    = "${local.revision}/${each.key}.zip"
  source = data.archive_file.bundle[each.key].output_path
}

# A template of this size is passed by its address.
resource "aws_s3_object" "template" {
  bucket  = aws_s3_bucket.bundles.id
  key     = "${sha256(local.template)}.yaml"
  content = local.template
}

resource "aws_cloudformation_stack" "kit" {
  name         = var.name
  template_url = "https://${aws_s3_bucket.bundles.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  parameters   = local.parameters
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

  depends_on = [aws_s3_object.bundle]
}

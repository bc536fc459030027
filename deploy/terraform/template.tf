# The template, with the uploaded bundles in place of the folders that the build makes.

locals {
  template = replace(
    file("${path.module}/../template.yaml"),
    "/CodeUri: dist\\/([a-z]+)/",
    "CodeUri: s3://${local.bundles}/${local.revision}/$1.zip"
  )
}

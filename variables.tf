# Names and tags

variable "name" {
  description = "Name of the function, its role and its log group, and the beginning of every other name; a different one for each deployment in an account"
  type        = string
  default     = "image-pipeline"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name is 3 to 40 lower-case letters, digits and hyphens, begins with a letter and does not end in a hyphen; got ${jsonencode(var.name)}."
  }

  validation {
    condition     = var.bucket_prefix != null || !can(regex(local.reserved_bucket_names, "${var.name}-source"))
    error_message = "name begins the names of the buckets, too, and S3 reserves what begins with xn--, sthree- or amzn-s3-demo-; got ${jsonencode(var.name)}. With a bucket_prefix it will do."
  }
}

variable "tags" {
  description = "Tags for everything that takes tags"
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = !anytrue([for key in keys(var.tags) : startswith(lower(key), "aws:")])
    error_message = "Tags that begin with aws: belong to AWS; got ${jsonencode([for key in keys(var.tags) : key if startswith(lower(key), "aws:")])}."
  }
}

# Buckets

locals {
  bucket_name_rule      = "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
  reserved_bucket_names = "^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3)$"
}

variable "bucket_prefix" {
  description = "Beginning of the bucket names, which go on with -source or -processed and the account id; null takes the name"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for prefix in var.bucket_prefix[*] : can(regex("^[a-z0-9][a-z0-9-]{1,39}$", prefix)) && !can(regex(local.reserved_bucket_names, prefix))])
    error_message = "bucket_prefix is 2 to 40 lower-case letters, digits and hyphens, does not begin with a hyphen and is not reserved by S3; got ${jsonencode(var.bucket_prefix)}."
  }
}

variable "source_bucket_name" {
  description = "Name of the bucket that takes the uploads; null makes one from bucket_prefix"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for name in var.source_bucket_name[*] : can(regex(local.bucket_name_rule, name)) && !can(regex(local.reserved_bucket_names, name))])
    error_message = "source_bucket_name is 3 to 63 lower-case letters, digits and hyphens, has no hyphen at either end and is not reserved by S3; got ${jsonencode(var.source_bucket_name)}."
  }
}

variable "processed_bucket_name" {
  description = "Name of the bucket that the results appear in; null makes one from bucket_prefix"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for name in var.processed_bucket_name[*] : can(regex(local.bucket_name_rule, name)) && !can(regex(local.reserved_bucket_names, name))])
    error_message = "processed_bucket_name is 3 to 63 lower-case letters, digits and hyphens, has no hyphen at either end and is not reserved by S3; got ${jsonencode(var.processed_bucket_name)}."
  }
}

variable "kms_key" {
  # An object, because its ARN may be known only after apply, while whether there is one must be known before.
  description = "Customer key that encrypts both buckets, by its ARN; null leaves it to keys that S3 manages"
  type        = object({ arn = string })
  default     = null

  validation {
    condition     = alltrue([for key in var.kms_key[*] : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", key.arn))])
    error_message = "kms_key.arn is the ARN of a key, not its id or an alias; got ${jsonencode(one(var.kms_key[*].arn))}."
  }
}

variable "force_destroy" {
  description = "Whether destroying the deployment deletes both buckets with everything in them"
  type        = bool
  default     = false
  nullable    = false
}

variable "source_expiration_days" {
  description = "Days after which an upload is deleted; null keeps it for ever"
  type        = number
  default     = null

  validation {
    condition     = alltrue([for days in var.source_expiration_days[*] : days >= 1 && floor(days) == days])
    error_message = "source_expiration_days is a whole number from 1; got ${jsonencode(var.source_expiration_days)}."
  }
}

variable "processed_expiration_days" {
  description = "Days after which a result is deleted; null keeps it for ever"
  type        = number
  default     = null

  validation {
    condition     = alltrue([for days in var.processed_expiration_days[*] : days >= 1 && floor(days) == days])
    error_message = "processed_expiration_days is a whole number from 1; got ${jsonencode(var.processed_expiration_days)}."
  }
}

variable "abort_multipart_days" {
  description = "Days after which the parts of an upload that was never completed are deleted"
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.abort_multipart_days >= 1 && floor(var.abort_multipart_days) == var.abort_multipart_days
    error_message = "abort_multipart_days is a whole number from 1; got ${var.abort_multipart_days}."
  }
}

# Trigger

variable "remove_deleted" {
  description = "Whether the images of an upload are removed when it is deleted from the source bucket; those of what expires there stay"
  type        = bool
  default     = false
  nullable    = false
}

variable "trigger_prefix" {
  description = "Only uploads whose key begins so are processed, such as \"photos/\"; empty for all"
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = !strcontains(var.trigger_prefix, "*")
    error_message = "trigger_prefix has no wildcards, S3 would take the * literally; got ${jsonencode(var.trigger_prefix)}."
  }
}

variable "trigger_suffixes" {
  description = "Only uploads whose key ends in one of these are processed, such as [\".jpg\", \".JPG\"]; empty for all"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for suffix in var.trigger_suffixes : can(regex("^[^*]+$", suffix))])
    error_message = "trigger_suffixes are not empty and have no wildcards, S3 would take the * literally; got ${jsonencode(var.trigger_suffixes)}."
  }

  validation {
    condition = alltrue([
      for suffix in compact(var.trigger_suffixes) : length([for other in compact(var.trigger_suffixes) : other if endswith(other, suffix)]) == 1
    ])
    error_message = "trigger_suffixes must not end in one another, S3 refuses filters that overlap; got ${jsonencode(var.trigger_suffixes)}."
  }
}

# Images

locals {
  fits    = ["inside", "outside", "cover", "contain", "fill"]
  places  = ["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right"]
  formats = ["keep", "jpeg", "png", "webp", "avif", "gif"]
}

variable "variants" {
  description = <<-EOT
    Images to make of every upload, by name:
    `width`, `height`: the box in pixels, one of them is enough;
    `fit`: `inside` the box, `outside` it, or exactly the box by cropping (`cover`), padding (`contain`) or distorting (`fill`);
    `position`: which part `cover` keeps and where `contain` puts the image, one of nine places such as `top-left`, or, for `cover`, `entropy`, the busiest part;
    `enlarge`: whether an image smaller than the box grows;
    `sharpen`: whether the result is sharpened lightly;
    `format`: `keep`, `jpeg`, `png`, `webp`, `avif` or `gif`;
    `quality`: 1 to 100, null for the format's own default;
    `chroma`: `4:2:0`, or `4:4:4` for colour at full resolution;
    `lossless`: for WebP;
    `palette`: at most 256 colours, for PNG;
    `max_bytes`: lower the quality until the result fits;
    `watermark`: whether the watermark is drawn on it.
  EOT
  type = map(object({
    width     = optional(number)
    height    = optional(number)
    fit       = optional(string, "inside")
    position  = optional(string, "center")
    enlarge   = optional(bool, false)
    sharpen   = optional(bool, false)
    format    = optional(string, "keep")
    quality   = optional(number)
    chroma    = optional(string, "4:2:0")
    lossless  = optional(bool, false)
    palette   = optional(bool, false)
    max_bytes = optional(number)
    watermark = optional(bool, true)
  }))
  default  = { large = { width = 1600, height = 1600 } }
  nullable = false

  validation {
    condition     = alltrue([for variant in var.variants : variant != null])
    error_message = "A variant is an object such as { width = 320 }, not null; got null for ${join(", ", [for name, variant in var.variants : name if variant == null])}."
  }

  validation {
    condition     = length(var.variants) > 0
    error_message = "variants names at least one, or nothing would be made of an upload; got {}."
  }

  validation {
    condition     = alltrue([for name in keys(var.variants) : can(regex("^[a-z0-9-]+$", name))])
    error_message = "A variant's name is lower-case letters, digits and hyphens; got ${jsonencode([for name in keys(var.variants) : name if !can(regex("^[a-z0-9-]+$", name))])}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : variant.width != null || variant.height != null])
    error_message = "Every variant needs a width or a height; check ${join(", ", [for name, variant in var.variants : name if variant.width == null && variant.height == null])}."
  }

  validation {
    # A WebP has at most 16383 pixels a side.
    condition     = alltrue(flatten([for variant in var.variants : [for side in concat(variant.width[*], variant.height[*]) : side >= 1 && side <= 16383 && floor(side) == side]]))
    error_message = "Widths and heights are whole numbers from 1 to 16383; got ${jsonencode({ for name, variant in var.variants : name => concat(variant.width[*], variant.height[*]) })}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : contains(local.fits, variant.fit)])
    error_message = "fit is one of ${join(", ", local.fits)}; got ${jsonencode({ for name, variant in var.variants : name => variant.fit if !contains(local.fits, variant.fit) })}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : contains(concat(local.places, ["entropy"]), variant.position)])
    error_message = "position is one of ${join(", ", local.places)} or entropy; got ${jsonencode({ for name, variant in var.variants : name => variant.position if !contains(concat(local.places, ["entropy"]), variant.position) })}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : variant.position != "entropy" || variant.fit == "cover"])
    error_message = "position entropy says what fit cover keeps and means nothing elsewhere; got ${jsonencode({ for name, variant in var.variants : name => variant.fit if variant.position == "entropy" && variant.fit != "cover" })}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : contains(local.formats, variant.format)])
    error_message = "format is one of ${join(", ", local.formats)}; got ${jsonencode({ for name, variant in var.variants : name => variant.format if !contains(local.formats, variant.format) })}."
  }

  validation {
    condition     = alltrue(flatten([for variant in var.variants : [for quality in variant.quality[*] : contains(range(1, 101), quality)]]))
    error_message = "quality is a whole number from 1 to 100; got ${jsonencode({ for name, variant in var.variants : name => variant.quality if variant.quality != null })}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : contains(["4:2:0", "4:4:4"], variant.chroma)])
    error_message = "chroma is 4:2:0 or 4:4:4; got ${jsonencode({ for name, variant in var.variants : name => variant.chroma if !contains(["4:2:0", "4:4:4"], variant.chroma) })}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : !variant.lossless || contains(["webp", "keep"], variant.format)])
    error_message = "lossless needs the format webp or keep; got ${jsonencode({ for name, variant in var.variants : name => variant.format if variant.lossless && !contains(["webp", "keep"], variant.format) })}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : !variant.palette || contains(["png", "keep"], variant.format)])
    error_message = "palette needs the format png or keep; got ${jsonencode({ for name, variant in var.variants : name => variant.format if variant.palette && !contains(["png", "keep"], variant.format) })}."
  }

  validation {
    condition     = alltrue(flatten([for variant in var.variants : [for bytes in variant.max_bytes[*] : bytes >= 1 && floor(bytes) == bytes]]))
    error_message = "max_bytes is a whole number from 1; got ${jsonencode({ for name, variant in var.variants : name => variant.max_bytes if variant.max_bytes != null })}."
  }
}

variable "watermark" {
  description = <<-EOT
    What is drawn on every variant that does not decline; null for nothing:
    `text` or `logo`, the path of a PNG, JPEG or WebP image that travels in the package;
    `font`: the path of a TTF or OTF file for the text, null for the bundled one;
    `position`: one of nine places such as `top-left`, or `tile`;
    `width_percent`: of the result's width;
    `margin_percent`: distance from the edge, of the result's width;
    `opacity_percent`, `rotation_degrees` (anticlockwise), `color` (#rrggbb, of the text);
    `contrast`: `none`, `outline` or `shadow`, what sets a text off from a picture of its own colour.
  EOT
  type = object({
    text             = optional(string)
    logo             = optional(string)
    font             = optional(string)
    position         = optional(string, "bottom-right")
    width_percent    = optional(number, 20)
    margin_percent   = optional(number, 2)
    opacity_percent  = optional(number, 60)
    rotation_degrees = optional(number, 0)
    color            = optional(string, "#ffffff")
    contrast         = optional(string, "outline")
  })
  default = null

  validation {
    condition     = alltrue([for watermark in var.watermark[*] : length(concat(watermark.text[*], watermark.logo[*])) == 1])
    error_message = "watermark has either a text or a logo; got ${jsonencode({ text = try(var.watermark.text, null), logo = try(var.watermark.logo, null) })}."
  }

  validation {
    condition     = alltrue([for text in try(var.watermark.text[*], []) : can(regex("^[^[:cntrl:]]*[^[:space:][:cntrl:]][^[:cntrl:]]*$", text))])
    error_message = "watermark.text is one line and not blank; got ${jsonencode(try(var.watermark.text, null))}."
  }

  validation {
    condition     = alltrue([for logo in try(var.watermark.logo[*], []) : can(regex("(?i)\\.(png|jpe?g|webp)$", logo)) && try(fileexists(logo), false)])
    error_message = "watermark.logo is the path of a .png, .jpg, .jpeg or .webp file; there is none at ${jsonencode(try(var.watermark.logo, null))}."
  }

  validation {
    condition     = alltrue([for font in try(var.watermark.font[*], []) : can(regex("(?i)\\.(ttf|otf)$", font)) && try(fileexists(font), false)])
    error_message = "watermark.font is the path of a .ttf or .otf file; there is none at ${jsonencode(try(var.watermark.font, null))}."
  }

  validation {
    condition     = alltrue([for watermark in var.watermark[*] : watermark.font == null || watermark.text != null])
    error_message = "watermark.font is for a text; got ${jsonencode(try(var.watermark.font, null))} with a logo."
  }

  validation {
    condition     = alltrue([for watermark in var.watermark[*] : contains(concat(local.places, ["tile"]), watermark.position)])
    error_message = "watermark.position is one of ${join(", ", local.places)} or tile; got ${jsonencode(try(var.watermark.position, null))}."
  }

  validation {
    condition     = alltrue([for watermark in var.watermark[*] : watermark.width_percent >= 1 && watermark.width_percent <= 100])
    error_message = "watermark.width_percent is from 1 to 100; got ${jsonencode(try(var.watermark.width_percent, null))}."
  }

  validation {
    condition     = alltrue([for watermark in var.watermark[*] : watermark.margin_percent >= 0 && watermark.margin_percent <= 50])
    error_message = "watermark.margin_percent is from 0 to 50; got ${jsonencode(try(var.watermark.margin_percent, null))}."
  }

  validation {
    condition     = alltrue([for watermark in var.watermark[*] : watermark.opacity_percent >= 1 && watermark.opacity_percent <= 100])
    error_message = "watermark.opacity_percent is from 1 to 100; got ${jsonencode(try(var.watermark.opacity_percent, null))}."
  }

  validation {
    condition     = alltrue([for watermark in var.watermark[*] : watermark.rotation_degrees >= -360 && watermark.rotation_degrees <= 360])
    error_message = "watermark.rotation_degrees is from -360 to 360; got ${jsonencode(try(var.watermark.rotation_degrees, null))}."
  }

  validation {
    condition     = alltrue([for watermark in var.watermark[*] : can(regex("^#[0-9A-Fa-f]{6}$", watermark.color))])
    error_message = "watermark.color is written #rrggbb; got ${jsonencode(try(var.watermark.color, null))}."
  }

  validation {
    condition     = alltrue([for watermark in var.watermark[*] : contains(["none", "outline", "shadow"], watermark.contrast)])
    error_message = "watermark.contrast is none, outline or shadow; got ${jsonencode(try(var.watermark.contrast, null))}."
  }
}

variable "background" {
  description = "Colour under transparent images where the result cannot be transparent, and around padded ones, #rrggbb"
  type        = string
  default     = "#ffffff"
  nullable    = false

  validation {
    condition     = can(regex("^#[0-9A-Fa-f]{6}$", var.background))
    error_message = "background is written #rrggbb; got ${jsonencode(var.background)}."
  }
}

variable "keep_copyright" {
  description = "Whether results keep the upload's copyright and artist; everything else that is not picture is removed in any case"
  type        = bool
  default     = false
  nullable    = false
}

variable "key_template" {
  description = "Key of a result: of cats/tom.png, {directory} is cats/ and {stem} is tom; {extension} is .png, or that of the result's own format; {variant} is the variant's name"
  type        = string
  default     = "{directory}{stem}{extension}"
  nullable    = false

  validation {
    condition     = alltrue([for token in ["{directory}", "{stem}", "{extension}"] : strcontains(var.key_template, token)])
    error_message = "key_template needs {directory}, {stem} and {extension}, or different uploads would get the same key; got ${jsonencode(var.key_template)}."
  }

  validation {
    condition     = length(var.variants) <= 1 || strcontains(var.key_template, "{variant}")
    error_message = "key_template needs {variant}, or ${join(", ", keys(var.variants))} would get the same key; got ${jsonencode(var.key_template)}."
  }

  validation {
    # {directory} ends with a slash of its own.
    condition     = !can(regex("\\{variant\\}\\{(directory|stem)\\}|\\{stem\\}\\{variant\\}", var.key_template))
    error_message = "key_template needs something between {variant} and {stem} or {directory}, or different uploads could get the same key, as cats with mall and cat with small; got ${jsonencode(var.key_template)}."
  }

  validation {
    condition     = !startswith(var.key_template, ".pipeline/")
    error_message = "key_template cannot begin with .pipeline/, where the function keeps its records; got ${jsonencode(var.key_template)}."
  }

  validation {
    # What is left is written with the characters that the S3 user guide calls safe for keys.
    condition     = can(regex("^[0-9A-Za-z/!_.*'()-]*$", replace(var.key_template, "/{(directory|stem|extension|variant)}/", "")))
    error_message = "key_template is made of {directory}, {stem}, {extension}, {variant}, letters, digits and / ! - _ . * ' ( ); got ${jsonencode(var.key_template)}."
  }
}

variable "cache_control" {
  description = "Cache-Control header of the results, such as \"public, max-age=86400\"; null for none"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for header in var.cache_control[*] : can(regex("^[!-~]([ -~]*[!-~])?$", header))])
    error_message = "cache_control is one line of printable ASCII without spaces at its ends; got ${jsonencode(var.cache_control)}."
  }
}

# Limits

variable "max_megapixels" {
  # With an alpha channel 150 megapixels take 1.2 GB to resize (8 bytes each): they fit into the default memory
  # beside the file and the runtime, and the biggest phone and medium-format pictures fit into them.
  description = "Largest upload in millions of pixels, over all frames of an animation"
  type        = number
  default     = 150
  nullable    = false

  validation {
    condition     = var.max_megapixels >= 1 && floor(var.max_megapixels) == var.max_megapixels
    error_message = "max_megapixels is a whole number from 1; got ${var.max_megapixels}."
  }
}

variable "max_source_megabytes" {
  description = "Largest upload in millions of bytes"
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.max_source_megabytes >= 1 && floor(var.max_source_megabytes) == var.max_source_megabytes
    error_message = "max_source_megabytes is a whole number from 1; got ${var.max_source_megabytes}."
  }

  validation {
    condition     = var.max_source_megabytes < var.memory_mb
    error_message = "max_source_megabytes has to be less than memory_mb, ${var.memory_mb}, which holds the whole file; got ${var.max_source_megabytes}."
  }
}

# Function

variable "architecture" {
  description = "Processor that the function runs on: arm64 or x86_64"
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is arm64 or x86_64; got ${jsonencode(var.architecture)}."
  }
}

variable "memory_mb" {
  description = "Memory of the function in MB; 1769 come with one full vCPU, 3538 with two"
  type        = number
  default     = 1769
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb is a whole number from 128 to 10240; got ${var.memory_mb}."
  }
}

variable "timeout_seconds" {
  description = "Longest time that the function may take for an upload"
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = contains(range(1, 901), var.timeout_seconds)
    error_message = "timeout_seconds is a whole number from 1 to 900; got ${var.timeout_seconds}."
  }
}

variable "reserved_concurrency" {
  description = "Invocations that may run at once and are set aside for the function; null for no limit of its own"
  type        = number
  default     = null

  validation {
    condition     = alltrue([for count in var.reserved_concurrency[*] : count >= 0 && floor(count) == count])
    error_message = "reserved_concurrency is a whole number from 0; got ${jsonencode(var.reserved_concurrency)}."
  }
}

variable "retries" {
  description = "How often Lambda tries again after a transient failure, before the upload goes to the failure queue"
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = contains([0, 1, 2], var.retries)
    error_message = "retries is 0, 1 or 2; got ${var.retries}."
  }
}

variable "max_event_age_seconds" {
  description = "How long an upload may wait for the function, before it goes to the failure queue"
  type        = number
  default     = 21600
  nullable    = false

  validation {
    condition     = var.max_event_age_seconds >= 60 && var.max_event_age_seconds <= 21600 && floor(var.max_event_age_seconds) == var.max_event_age_seconds
    error_message = "max_event_age_seconds is a whole number from 60 to 21600; got ${var.max_event_age_seconds}."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept; 0 keeps them for ever"
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is one of the periods that CloudWatch Logs offers (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653) or 0; got ${var.log_retention_days}."
  }
}

variable "log_level" {
  # Lambda takes lines without a level, such as metrics and the reports of crashes, for INFO and drops what is below the level.
  description = "Detail of the function's logs: INFO or DEBUG. Above INFO, Lambda would drop the metrics too"
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "log_level is DEBUG or INFO; got ${jsonencode(var.log_level)}."
  }
}

variable "xray" {
  description = "Whether invocations are traced with X-Ray"
  type        = bool
  default     = false
  nullable    = false
}

variable "package_path" {
  description = "Path of a package that tools/package.py has made, with the watermark's files in it; null makes it when it is needed"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for path in var.package_path[*] : try(fileexists(path), false)])
    error_message = "There is no package at ${jsonencode(var.package_path)}; make it with tools/package.py, or leave package_path out and it is made for you."
  }
}

# Optional parts: null is off, {} is on with defaults

variable "metadata" {
  description = <<-EOT
    A DynamoDB table with one record per source, written when all its images are published or when it was rejected; null for none
    - kms_key: customer key that encrypts the table, by its ARN; null leaves it to a key that DynamoDB owns
    - deletion_protection: whether the table refuses to be deleted
    - expiration_days: days that a record is kept after its last change; null keeps it for ever
  EOT
  type = object({
    kms_key             = optional(object({ arn = string }))
    deletion_protection = optional(bool, false)
    expiration_days     = optional(number)
  })
  default = null

  validation {
    condition     = alltrue([for key in try(var.metadata.kms_key[*], []) : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", key.arn))])
    error_message = "metadata.kms_key.arn is the ARN of a key, not its id or an alias; got ${jsonencode(try(var.metadata.kms_key.arn, null))}."
  }

  validation {
    condition     = alltrue([for days in try(var.metadata.expiration_days[*], []) : days >= 1 && floor(days) == days])
    error_message = "metadata.expiration_days is a whole number from 1; got ${jsonencode(try(var.metadata.expiration_days, null))}."
  }
}

variable "events" {
  description = <<-EOT
    An EventBridge event for every source that was processed or rejected; null for none
    - bus_name: event bus that gets them; it must be there
  EOT
  type        = object({ bus_name = optional(string, "default") })
  default     = null

  validation {
    condition     = alltrue([for events in var.events[*] : can(regex("^[/.A-Za-z0-9_-]{1,256}$", events.bus_name))])
    error_message = "events.bus_name is the name of an event bus; got ${jsonencode(try(var.events.bus_name, null))}."
  }
}

variable "upload_api" {
  description = <<-EOT
    An HTTP API that hands out upload forms and tells what became of uploads, with a page; null for none. Callers sign with AWS_IAM, unless one of these says otherwise
    - jwt: accept tokens of this OIDC issuer for any of these audiences instead; every subject sees and writes only its own uploads
    - public: let everyone in instead
    - allowed_origins: origins of other pages that may call the API and upload, such as "https://example.com"
    - requests_per_second, burst: how many requests are answered, in the long run and at once
    - form_minutes, link_minutes: how long an upload form and the links to images work
  EOT
  type = object({
    jwt                 = optional(object({ issuer = string, audience = list(string) }))
    public              = optional(bool, false)
    allowed_origins     = optional(list(string), [])
    requests_per_second = optional(number, 20)
    burst               = optional(number, 40)
    form_minutes        = optional(number, 5)
    link_minutes        = optional(number, 60)
  })
  default = null

  validation {
    condition     = try(var.upload_api.jwt == null || !var.upload_api.public, true)
    error_message = "upload_api is either public or asks for a token: set public or jwt, not both."
  }

  validation {
    condition     = alltrue([for jwt in try(var.upload_api.jwt[*], []) : startswith(jwt.issuer, "https://") && length(jwt.audience) > 0])
    error_message = "upload_api.jwt needs an issuer that begins with https:// and at least one audience; got ${jsonencode(try(var.upload_api.jwt, null))}."
  }

  validation {
    condition     = alltrue([for origin in try(var.upload_api.allowed_origins, []) : can(regex("^https?://[a-z0-9.-]+(:[0-9]+)?$", origin))])
    error_message = "Each of upload_api.allowed_origins is a scheme, a host and perhaps a port, such as https://example.com; got ${jsonencode(try(var.upload_api.allowed_origins, null))}."
  }

  validation {
    condition     = try(var.upload_api.requests_per_second >= 1 && var.upload_api.burst >= 1 && var.upload_api.requests_per_second <= 10000 && var.upload_api.burst <= 5000, var.upload_api == null)
    error_message = "upload_api.requests_per_second is from 1 to 10000 and upload_api.burst from 1 to 5000: the API is never without a limit."
  }

  validation {
    condition     = try(var.upload_api.form_minutes >= 1 && var.upload_api.form_minutes <= 60 && var.upload_api.link_minutes >= 1 && var.upload_api.link_minutes <= 360, var.upload_api == null)
    error_message = "upload_api.form_minutes is from 1 to 60 and upload_api.link_minutes from 1 to 360: what the function signs ends with its credentials."
  }

  validation {
    condition     = var.upload_api == null || startswith("uploads/", var.trigger_prefix) && length(var.trigger_suffixes) == 0
    error_message = "What comes by the upload API lies under uploads/ with any extension: with upload_api, trigger_suffixes must be empty and trigger_prefix \"\" or \"uploads/\"."
  }
}

variable "workflow" {
  description = <<-EOT
    A Step Functions workflow between the source bucket and the function, with room for a step of your own; null for none
    - type: `express`, cheap and done within five minutes, or `standard`, which tries for longer and keeps a history
    - review: a function that is asked about every upload before its images are made, by its ARN, and how long it may take
    - max_concurrency: how many images of one upload are made at once
    - direct_trigger: whether uploads reach the function directly as well, while the workflow is being switched on or off, or to another type; what comes by both ways is published once
  EOT
  type = object({
    type            = optional(string, "express")
    review          = optional(object({ function_arn = string, timeout_seconds = optional(number, 30) }))
    max_concurrency = optional(number, 4)
    direct_trigger  = optional(bool, false)
  })
  default = null

  validation {
    condition     = alltrue([for workflow in var.workflow[*] : contains(["express", "standard"], workflow.type)])
    error_message = "workflow.type is express or standard; got ${jsonencode(try(var.workflow.type, null))}."
  }

  validation {
    condition     = alltrue([for review in try(var.workflow.review[*], []) : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+(:[a-zA-Z0-9$_-]+)?$", review.function_arn))])
    error_message = "workflow.review.function_arn is the ARN of a function, or of a version or an alias of one; got ${jsonencode(try(var.workflow.review.function_arn, null))}."
  }

  validation {
    condition     = alltrue([for review in try(var.workflow.review[*], []) : contains(range(1, 901), review.timeout_seconds)])
    error_message = "workflow.review.timeout_seconds is a whole number from 1 to 900; got ${jsonencode(try(var.workflow.review.timeout_seconds, null))}."
  }

  validation {
    condition     = alltrue([for review in try(var.workflow.review[*], []) : var.workflow.type != "express" || review.timeout_seconds <= 30])
    error_message = "workflow.review.timeout_seconds is at most 30 with type express, which has five minutes for everything, two reviews among it; got ${jsonencode(try(var.workflow.review.timeout_seconds, null))}. Type standard waits longer."
  }

  validation {
    condition     = alltrue([for workflow in var.workflow[*] : contains(range(1, 41), workflow.max_concurrency)])
    error_message = "workflow.max_concurrency is a whole number from 1 to 40; got ${jsonencode(try(var.workflow.max_concurrency, null))}."
  }

  validation {
    condition     = alltrue([for workflow in var.workflow[*] : workflow.review == null || !workflow.direct_trigger])
    error_message = "What comes by workflow.direct_trigger is published without a review: switch with the one and then set the other."
  }
}

variable "backfill" {
  description = <<-EOT
    A Step Functions state machine that has the function process what already lies in the source bucket, started by `make backfill`; null for none
    - batch_size: how many objects one invocation is given
    - max_concurrency: how many invocations run at once
    - tolerated_failure_percentage: of the objects, from which on the rest is not tried
    - timeout_hours: after which it ends in any case
    - inventory_bucket: bucket that S3 Inventory reports lie in, by its ARN; null if none are used
  EOT
  type = object({
    batch_size                   = optional(number, 10)
    max_concurrency              = optional(number, 5)
    tolerated_failure_percentage = optional(number, 5)
    timeout_hours                = optional(number, 24)
    inventory_bucket             = optional(object({ arn = string }))
  })
  default = null

  validation {
    condition     = alltrue([for backfill in var.backfill[*] : contains(range(1, 101), backfill.batch_size)])
    error_message = "backfill.batch_size is a whole number from 1 to 100; got ${jsonencode(try(var.backfill.batch_size, null))}."
  }

  validation {
    condition     = alltrue([for backfill in var.backfill[*] : contains(range(1, 1001), backfill.max_concurrency)])
    error_message = "backfill.max_concurrency is a whole number from 1 to 1000: a backfill is never without a limit; got ${jsonencode(try(var.backfill.max_concurrency, null))}."
  }

  validation {
    condition     = try(var.backfill.max_concurrency < var.reserved_concurrency, var.backfill == null || var.reserved_concurrency == null)
    error_message = "backfill.max_concurrency has to be less than reserved_concurrency, ${jsonencode(var.reserved_concurrency)}, or live uploads would wait for the backfill; got ${jsonencode(try(var.backfill.max_concurrency, null))}."
  }

  validation {
    condition     = alltrue([for backfill in var.backfill[*] : backfill.tolerated_failure_percentage >= 0 && backfill.tolerated_failure_percentage <= 100])
    error_message = "backfill.tolerated_failure_percentage is from 0 to 100; got ${jsonencode(try(var.backfill.tolerated_failure_percentage, null))}."
  }

  validation {
    # A year is the longest that Step Functions lets anything run.
    condition     = alltrue([for backfill in var.backfill[*] : backfill.timeout_hours >= 1 && backfill.timeout_hours <= 8760 && floor(backfill.timeout_hours) == backfill.timeout_hours])
    error_message = "backfill.timeout_hours is a whole number from 1 to 8760; got ${jsonencode(try(var.backfill.timeout_hours, null))}."
  }

  validation {
    condition     = alltrue([for bucket in try(var.backfill.inventory_bucket[*], []) : can(regex("^arn:[a-z-]+:s3:::[a-z0-9.-]{3,63}$", bucket.arn))])
    error_message = "backfill.inventory_bucket.arn is the ARN of a bucket, without a key; got ${jsonencode(try(var.backfill.inventory_bucket.arn, null))}."
  }
}

# Names and tags

locals {
  bucket_name           = "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
  existing_bucket_name  = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$" # S3 still has names with dots
  reserved_bucket_names = "^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3|-an)$"
  bucket_like_names     = "(-s3alias|--ol-s3|--x-s3|--table-s3|\\.mrap)$" # of access points, directory buckets and tables
  kms_key_arn           = "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$"
  color                 = "^#[0-9A-Fa-f]{6}$"
}

variable "name" {
  description = "Name of the function, its role and its log group, and the prefix of all other names; must be unique within the account"
  type        = string
  default     = "image-pipeline"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and hyphens, start with a letter and not end in a hyphen."
  }

  validation {
    condition     = var.bucket_prefix != null || !can(regex(local.reserved_bucket_names, "${var.name}-source"))
    error_message = "name is also the prefix of the bucket names, and S3 reserves the prefixes xn--, sthree- and amzn-s3-demo-. Choose another name or set bucket_prefix."
  }
}

variable "tags" {
  description = "Tags for every resource that supports them"
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = !anytrue([for key in keys(var.tags) : startswith(lower(key), "aws:")])
    error_message = "Tag keys must not start with aws:, which AWS reserves; rename ${join(", ", [for key in keys(var.tags) : key if startswith(lower(key), "aws:")])}."
  }
}

# Buckets

locals {
  # Settings of the buckets that Terraform creates, which an existing bucket does not have, and whether they are set.
  bucket_settings = {
    source = {
      source_bucket_name     = var.source_bucket_name != null
      source_expiration_days = var.source_expiration_days != null
      source_noncurrent_days = var.source_noncurrent_days != 30
    }
    processed = {
      processed_bucket_name     = var.processed_bucket_name != null
      processed_expiration_days = var.processed_expiration_days != null
      "manifest.grace_days"     = try(var.manifest.grace_days, 7) != 7
    }
    both = {
      bucket_prefix        = var.bucket_prefix != null
      force_destroy        = var.force_destroy
      abort_multipart_days = var.abort_multipart_days != 7
    }
  }
  bucket_settings_set = { for bucket, settings in local.bucket_settings : bucket => [for name, is_set in settings : name if is_set] }
}

variable "existing_source_bucket" {
  description = "Name of an existing bucket for uploads, which stays as it is and must send its events to EventBridge; null creates one"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for name in var.existing_source_bucket[*] : can(regex(local.existing_bucket_name, name)) && !can(regex(local.bucket_like_names, name))])
    error_message = "existing_source_bucket must be the name of a general purpose bucket, not its ARN or address, nor that of an access point: 3 to 63 lower-case letters, digits, dots and hyphens; check ${jsonencode(var.existing_source_bucket)}."
  }

  validation {
    condition     = var.existing_source_bucket == null || length(local.bucket_settings_set.source) == 0
    error_message = "existing_source_bucket stays as it is, so these settings would have no effect; remove them: ${join(", ", local.bucket_settings_set.source)}."
  }
}

variable "existing_processed_bucket" {
  description = "Name of an existing bucket for processed images, which stays as it is; null creates one"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for name in var.existing_processed_bucket[*] : can(regex(local.existing_bucket_name, name)) && !can(regex(local.bucket_like_names, name))])
    error_message = "existing_processed_bucket must be the name of a general purpose bucket, not its ARN or address, nor that of an access point: 3 to 63 lower-case letters, digits, dots and hyphens; check ${jsonencode(var.existing_processed_bucket)}."
  }

  validation {
    condition     = var.existing_processed_bucket == null || length(local.bucket_settings_set.processed) == 0
    error_message = "existing_processed_bucket stays as it is, so these settings would have no effect; remove them: ${join(", ", local.bucket_settings_set.processed)}."
  }

  validation {
    condition     = var.existing_source_bucket == null || var.existing_processed_bucket == null || length(local.bucket_settings_set.both) == 0
    error_message = "With existing_source_bucket and existing_processed_bucket Terraform creates no bucket, so these settings would have no effect; remove them: ${join(", ", local.bucket_settings_set.both)}."
  }
}

variable "bucket_prefix" {
  description = "Prefix of the bucket names, which continue with -source or -processed and the account ID; null uses the name"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for prefix in var.bucket_prefix[*] : can(regex("^[a-z0-9][a-z0-9-]{1,39}$", prefix)) && !can(regex(local.reserved_bucket_names, "${prefix}-source"))])
    error_message = "bucket_prefix must be 2 to 40 lower-case letters, digits and hyphens, not start with a hyphen and not be reserved by S3."
  }
}

variable "source_bucket_name" {
  description = "Name of the bucket for uploads; null builds one from bucket_prefix"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for name in var.source_bucket_name[*] : can(regex(local.bucket_name, name)) && !can(regex(local.reserved_bucket_names, name))])
    error_message = "source_bucket_name must be 3 to 63 lower-case letters, digits and hyphens, not start or end with a hyphen and not be reserved by S3."
  }
}

variable "processed_bucket_name" {
  description = "Name of the bucket for processed images; null builds one from bucket_prefix"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for name in var.processed_bucket_name[*] : can(regex(local.bucket_name, name)) && !can(regex(local.reserved_bucket_names, name))])
    error_message = "processed_bucket_name must be 3 to 63 lower-case letters, digits and hyphens, not start or end with a hyphen and not be reserved by S3."
  }
}

variable "kms_key" {
  # An object, because Terraform must know while planning whether there is a key, and may learn its ARN only while applying.
  description = "KMS key that encrypts the buckets that Terraform creates, and that the function may use for existing ones; null uses keys managed by S3"
  type        = object({ arn = string })
  default     = null

  validation {
    condition     = alltrue([for key in var.kms_key[*] : can(regex(local.kms_key_arn, key.arn))])
    error_message = "kms_key.arn must be the ARN of a key, not a key ID or an alias."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes the buckets that it created even if they contain objects"
  type        = bool
  default     = false
  nullable    = false
}

variable "source_expiration_days" {
  description = "Days until an upload is deleted; null keeps it forever"
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.source_expiration_days, 1) >= 1
    error_message = "source_expiration_days must be at least 1."
  }
}

variable "processed_expiration_days" {
  description = "Days until a processed image is deleted; null keeps it forever"
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.processed_expiration_days, 1) >= 1
    error_message = "processed_expiration_days must be at least 1."
  }
}

variable "source_noncurrent_days" {
  description = "Days for which an overwritten or deleted upload can be restored from its old version; null keeps old versions forever"
  type        = number
  default     = 30
}

variable "abort_multipart_days" {
  description = "Days until the parts of an incomplete multipart upload are deleted"
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.abort_multipart_days >= 1
    error_message = "abort_multipart_days must be at least 1."
  }
}

# Trigger

variable "trigger" {
  description = "How S3 triggers the function: by a notification, or through eventbridge, which retries for longer and can have other targets too; null for eventbridge with existing_source_bucket and notification otherwise"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for trigger in var.trigger[*] : contains(["notification", "eventbridge"], trigger)])
    error_message = "trigger must be notification or eventbridge."
  }

  validation {
    condition     = var.existing_source_bucket == null || var.trigger != "notification"
    error_message = "trigger must be eventbridge or null with existing_source_bucket: Terraform could only replace all notifications of that bucket."
  }
}

variable "remove_deleted" {
  description = "Whether deleting an upload also deletes its processed images; images of uploads that expire stay"
  type        = bool
  default     = false
  nullable    = false
}

variable "trigger_prefix" {
  description = "Process only uploads whose key starts with this prefix, such as \"photos/\"; empty for all"
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = !startswith(var.trigger_prefix, "/") && !strcontains(var.trigger_prefix, "*")
    error_message = "trigger_prefix must not start with a slash, because keys do not, or contain *, which S3 would match literally."
  }
}

variable "trigger_suffixes" {
  description = "Process only uploads whose key ends with one of these suffixes, such as [\".jpg\", \".JPG\"]; empty for all"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for suffix in var.trigger_suffixes : can(regex("^[^*]+$", suffix)) && !can(regex("^[0-9A-Za-z]+$", suffix))])
    error_message = "trigger_suffixes must be endings such as \".jpg\", with the dot and without *, which S3 would match literally; check ${jsonencode(var.trigger_suffixes)}."
  }

  validation {
    condition     = alltrue([for suffix in compact(var.trigger_suffixes) : length([for other in compact(var.trigger_suffixes) : other if endswith(other, suffix)]) == 1])
    error_message = "trigger_suffixes must not end in one another, because S3 rejects overlapping filters; check ${jsonencode(var.trigger_suffixes)}."
  }
}

# Images

locals {
  input_formats   = ["avif", "bmp", "gif", "heic", "jpeg", "jpeg2000", "png", "tiff", "webp"]
  variant_formats = { lossless = "webp", palette = "png" }
  positions       = ["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right"]

  variant_choices = {
    fit      = ["inside", "outside", "cover", "contain", "fill"]
    position = concat(local.positions, ["entropy"])
    format   = ["keep", "jpeg", "png", "webp", "avif", "gif"]
    chroma   = ["4:2:0", "4:4:4"]
  }

  variant_maximums = {
    width     = 16383 # of a WebP
    height    = 16383
    widths    = 16383
    quality   = 100
    max_bytes = 5368709120 # of an object that is written in one piece
  }

  # The function has the same defaults, so that its environment has room for many variants.
  variant_defaults = {
    fit       = "inside"
    position  = "center"
    enlarge   = false
    sharpen   = false
    format    = "keep"
    chroma    = "4:2:0"
    lossless  = false
    palette   = false
    watermark = true
  }
}

variable "variants" {
  description = "Images to make of every upload, by name"
  type = map(object({
    width        = optional(number)           # bounding box in pixels; one side is enough
    height       = optional(number)           # the other side
    widths       = optional(list(number))     # instead of both: an image of each width, but none wider than the upload
    aspect_ratio = optional(string)           # instead of a height: shape to crop to, such as "16:9", with fit cover
    fit          = optional(string, "inside") # inside or outside the box, or exactly the box by cropping (cover), padding (contain) or stretching (fill)
    position     = optional(string, "center") # the part that cover keeps, and where contain places the image; with cover also entropy, the part with the most detail
    enlarge      = optional(bool, false)      # whether to scale up images that are smaller than the box
    sharpen      = optional(bool, false)      # whether to sharpen lightly after scaling
    format       = optional(string, "keep")   # of the file: keep that of the upload, or convert
    formats      = optional(list(string))     # instead: a file of each format, such as ["avif", "webp", "jpeg"]
    quality      = optional(number)           # 1 to 100; null for the default of the format
    chroma       = optional(string, "4:2:0")  # subsampling; 4:4:4 has colour at full resolution
    lossless     = optional(bool, false)      # for WebP
    palette      = optional(bool, false)      # at most 256 colours, for PNG
    max_bytes    = optional(number)           # maximum file size, reached by lowering the quality; null for none
    watermark    = optional(bool, true)       # whether to draw the watermark
    sizes        = optional(string)           # how wide pages show it, such as "(min-width: 60em) 50vw, 100vw", for the HTML in its manifest
    prefixes     = optional(list(string))     # only uploads whose key starts with one of these, such as ["avatars/"]; null for all
  }))
  default  = { large = { width = 1600, height = 1600 } }
  nullable = false

  validation {
    condition     = length(var.variants) > 0 && alltrue([for name, variant in var.variants : can(regex("^[a-z0-9-]+$", name)) && variant != null])
    error_message = "variants must contain at least one object such as { thumb = { width = 320 } }, named with lower-case letters, digits and hyphens, and none may be null; check ${jsonencode(keys(var.variants))}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : (variant.width != null || variant.height != null) != (variant.widths != null)])
    error_message = "Every variant needs a width or a height, or else widths; check ${join(", ", [for name, variant in var.variants : name if(variant.width != null || variant.height != null) == (variant.widths != null)])}."
  }

  validation {
    condition = alltrue(flatten([for variant in var.variants : [for field in ["widths", "formats", "prefixes"] :
      variant[field] == null ? true : length(variant[field]) > 0 && length(distinct(variant[field])) == length(variant[field]) && alltrue([for value in variant[field] : value != null])
    ]]))
    error_message = join(" ", flatten([for name, variant in var.variants : [for field in ["widths", "formats", "prefixes"] :
      "variants.${name}.${field} must have one or more elements, each of them once, and none may be null." if variant[field] == null ? false : length(variant[field]) == 0 || length(distinct(variant[field])) < length(variant[field]) || anytrue([for value in variant[field] : value == null])
    ]]))
  }

  validation {
    condition = alltrue([for variant in var.variants : variant.aspect_ratio == null ? true : alltrue([
      can(regex("^[1-9][0-9]{0,4}:[1-9][0-9]{0,4}$", variant.aspect_ratio)), variant.fit == "cover", variant.height == null,
    ])])
    error_message = "aspect_ratio must be of the form \"16:9\" and needs fit cover and no height; check ${join(", ", [for name, variant in var.variants : name if variant.aspect_ratio != null])}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : variant.widths == null || variant.fit == (variant.aspect_ratio == null ? "inside" : "cover")])
    error_message = "widths needs fit inside, or fit cover and an aspect_ratio; check ${join(", ", [for name, variant in var.variants : name if variant.widths != null])}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : variant.formats == null || variant.format == "keep"])
    error_message = "A variant has either a format or formats; check ${join(", ", [for name, variant in var.variants : name if variant.formats != null])}."
  }

  validation {
    condition = alltrue(flatten([for variant in var.variants : [for format in coalesce(variant.formats, []) :
      contains(setsubtract(local.variant_choices.format, ["keep"]), format)
    ]]))
    error_message = join(" ", [for name, variant in var.variants : "variants.${name}.formats may contain ${join(", ", setsubtract(local.variant_choices.format, ["keep"]))}." if length(setsubtract(coalesce(variant.formats, []), setsubtract(local.variant_choices.format, ["keep"]))) > 0])
  }

  validation {
    condition     = alltrue(flatten([for variant in var.variants : [for prefix in coalesce(variant.prefixes, []) : prefix != "" && !startswith(prefix, "/") && !strcontains(prefix, "*")]]))
    error_message = "prefixes must not be empty, start with a slash, because keys do not, or contain *, which would match literally; check ${join(", ", [for name, variant in var.variants : name if variant.prefixes != null])}."
  }

  validation {
    condition = alltrue(flatten([for variant in var.variants : [for prefix in coalesce(variant.prefixes, []) :
      startswith(prefix, var.trigger_prefix) || startswith(var.trigger_prefix, prefix)
    ]]))
    error_message = "prefixes must begin with trigger_prefix, \"${var.trigger_prefix}\", or it with them, because no other uploads are processed; check ${join(", ", flatten([for name, variant in var.variants : [
      for prefix in coalesce(variant.prefixes, []) : "\"${prefix}\" of ${name}" if !startswith(prefix, var.trigger_prefix) && !startswith(var.trigger_prefix, prefix)
    ]]))}."
  }

  validation {
    condition     = alltrue([for variant in var.variants : variant.sizes == null ? true : can(regex("^[ -~]*[!-~][ -~]*$", variant.sizes))])
    error_message = "sizes must be one line of printable ASCII, as in the HTML attribute; check ${join(", ", [for name, variant in var.variants : name if variant.sizes != null])}."
  }

  validation {
    condition = alltrue(flatten([for variant in var.variants : [for field, most in local.variant_maximums : [
      for value in flatten([variant[field]]) : value == null ? true : value >= 1 && value <= most && floor(value) == value
    ]]]))
    error_message = join(" ", flatten([for name, variant in var.variants : [for field, most in local.variant_maximums : [
      for value in flatten([variant[field]]) : "variants.${name}.${field} must be a whole number from 1 to ${most}." if value == null ? false : value < 1 || value > most || floor(value) != value
    ]]]))
  }

  validation {
    condition = alltrue(flatten([for variant in var.variants : [for field, choices in local.variant_choices : contains(choices, variant[field])]]))
    error_message = join(" ", flatten([for name, variant in var.variants : [
      for field, choices in local.variant_choices : "variants.${name}.${field} must be one of ${join(", ", choices)}." if !contains(choices, variant[field])
    ]]))
  }

  validation {
    condition     = alltrue([for variant in var.variants : variant.position != "entropy" || variant.fit == "cover"])
    error_message = "position entropy needs fit cover; check ${join(", ", [for name, variant in var.variants : name if variant.position == "entropy" && variant.fit != "cover"])}."
  }

  validation {
    condition = alltrue(flatten([for variant in var.variants : [for field, format in local.variant_formats :
      !variant[field] || (variant.formats == null ? contains(["keep", format], variant.format) : contains(coalesce(variant.formats, []), format))
    ]]))
    error_message = join(" ", flatten([for name, variant in var.variants : [for field, format in local.variant_formats :
      "variants.${name}.${field} needs the format ${format}, or keep." if variant[field] && !(variant.formats == null ? contains(["keep", format], variant.format) : contains(coalesce(variant.formats, []), format))
    ]]))
  }
}

variable "watermark" {
  description = "Watermark to draw on every variant that does not turn it off; null for none"
  type = object({
    text             = optional(string)                 # one line of text; either this or a logo is required
    logo             = optional(string)                 # path of a PNG, JPEG or WebP file, which becomes part of the package
    font             = optional(string)                 # path of a TTF or OTF file for the text; null for the bundled Open Sans
    position         = optional(string, "bottom-right") # where to draw it, or tile to cover the image
    width_percent    = optional(number, 20)             # of the image's width
    margin_percent   = optional(number, 2)              # distance from the edges, of the image's width
    opacity_percent  = optional(number, 60)             # 100 is opaque
    rotation_degrees = optional(number, 0)              # anticlockwise
    color            = optional(string, "#ffffff")      # of the text
    contrast         = optional(string, "outline")      # how text stands out from a background of its own colour: none, outline or shadow
  })
  default = null

  validation {
    condition     = alltrue([for watermark in var.watermark[*] : (watermark.text == null) != (watermark.logo == null) && (watermark.font == null || watermark.text != null)])
    error_message = "watermark needs either a text, perhaps with a font, or a logo."
  }

  validation {
    condition     = alltrue([for text in try(var.watermark.text[*], []) : can(regex("^[^[:cntrl:]]*[^[:space:][:cntrl:]][^[:cntrl:]]*$", text))])
    error_message = "watermark.text must be a single line and not blank."
  }

  validation {
    # The build checks every character. The bundled font has none of these scripts.
    condition     = !can(regex("[\\p{Arabic}\\p{Bengali}\\p{Devanagari}\\p{Han}\\p{Hangul}\\p{Hiragana}\\p{Katakana}\\p{Tamil}\\p{Thai}\\x{1F000}-\\x{1FAFF}]", var.watermark.text)) || try(var.watermark.font != null, false)
    error_message = "watermark.text has characters that the bundled font cannot write; set watermark.font to a font that can."
  }

  validation {
    condition     = alltrue([for logo in try(var.watermark.logo[*], []) : can(regex("(?i)\\.(png|jpe?g|webp)$", logo)) && try(fileexists(logo), false)])
    error_message = "watermark.logo must be an existing .png, .jpg, .jpeg or .webp file; ${can(regex("(?i)\\.(png|jpe?g|webp)$", var.watermark.logo)) ? "there is none at this path" : "this is of another type"}."
  }

  validation {
    condition     = alltrue([for font in try(var.watermark.font[*], []) : can(regex("(?i)\\.(ttf|otf)$", font)) && try(fileexists(font), false)])
    error_message = "watermark.font must be an existing .ttf or .otf file; ${can(regex("(?i)\\.(ttf|otf)$", var.watermark.font)) ? "there is none at this path" : "this is of another type"}."
  }

  validation {
    condition = alltrue([for watermark in var.watermark[*] : alltrue([
      contains(concat(local.positions, ["tile"]), watermark.position), contains(["none", "outline", "shadow"], watermark.contrast), can(regex(local.color, watermark.color)),
    ])])
    error_message = "watermark.position must be one of ${join(", ", local.positions)} or tile, contrast none, outline or shadow, and color of the form #rrggbb."
  }

  validation {
    condition = alltrue([for watermark in var.watermark[*] : alltrue([
      watermark.width_percent >= 1, watermark.width_percent <= 100, watermark.margin_percent >= 0, watermark.margin_percent <= 50,
      watermark.opacity_percent >= 1, watermark.opacity_percent <= 100, abs(watermark.rotation_degrees) <= 360,
    ])])
    error_message = "watermark.width_percent and opacity_percent must be from 1 to 100, margin_percent from 0 to 50 and rotation_degrees from -360 to 360."
  }
}

variable "upload_options" {
  description = "Whether an upload may have options in its user metadata: x-amz-meta-variants (names, separated by commas), x-amz-meta-watermark (off) and x-amz-meta-focus (where cover crops, such as 0.3,0.6)"
  type        = bool
  default     = false
  nullable    = false
}

variable "background" {
  description = "Colour behind transparent images in formats without transparency, and around padded images, as #rrggbb"
  type        = string
  default     = "#ffffff"
  nullable    = false

  validation {
    condition     = can(regex(local.color, var.background))
    error_message = "background must have the form #rrggbb."
  }
}

variable "keep_copyright" {
  description = "Whether processed images keep the copyright and artist of the upload; all other metadata is removed, but see keep_provenance"
  type        = bool
  default     = false
  nullable    = false
}

variable "keep_provenance" {
  description = "Whether processed images keep the upload's IPTC DigitalSourceType, which marks AI-generated images; all other XMP is removed"
  type        = bool
  default     = true
  nullable    = false
}

variable "exif_facts" {
  description = "EXIF data to include in records and events: date, camera and place (latitude and longitude); processed images never contain it"
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.exif_facts, ["date", "camera", "place"])) == 0
    error_message = "exif_facts may contain date, camera and place, but not ${join(", ", setsubtract(var.exif_facts, ["date", "camera", "place"]))}."
  }
}

variable "key_template" {
  description = "Key of a processed image. For cats/tom.png, {directory} is cats/, {stem} is tom and {extension} is .png or the extension of the output format; {variant} is the name of the variant and {width} its configured width. With a manifest, {version} is 16 digits that change with the upload and the settings, so that images never change under their key and caches keep them for a year"
  type        = string
  default     = "{directory}{stem}{extension}"
  nullable    = false

  validation {
    condition = alltrue([for token in concat(["{directory}", "{stem}", "{extension}"], length(var.variants) > 1 ? ["{variant}"] : [], anytrue([for variant in var.variants : length(coalesce(variant.widths, [])) > 1]) ? ["{width}"] : []) :
      strcontains(var.key_template, token)
    ])
    error_message = "key_template must contain {directory}, {stem} and {extension}, with several variants {variant}, and with several widths {width}, or different images would get the same key."
  }

  validation {
    condition     = !can(regex("\\{(variant|width)\\}\\{(directory|stem|variant|width)\\}|\\{stem\\}\\{(variant|width)\\}", var.key_template))
    error_message = "key_template must separate {variant} and {width} from each other and from {stem} and {directory}, or different uploads could get the same key: cats + mall and cat + small are both catsmall."
  }

  validation {
    condition     = !strcontains(var.key_template, "{width}") || alltrue([for variant in var.variants : variant.width != null || variant.widths != null])
    error_message = "key_template has {width}, so every variant needs a width or widths; check ${join(", ", [for name, variant in var.variants : name if variant.width == null && variant.widths == null])}."
  }

  validation {
    condition     = !startswith(var.key_template, ".pipeline/")
    error_message = "key_template must not start with .pipeline/, which the function uses for its own objects."
  }

  validation {
    # The characters that the S3 user guide calls safe in keys.
    condition     = can(regex("^[0-9A-Za-z/!_.*'()-]*$", replace(var.key_template, "/{(directory|stem|extension|variant|version|width)}/", "")))
    error_message = "key_template may contain {directory}, {stem}, {extension}, {variant}, {version}, {width}, letters, digits and / ! - _ . * ' ( )."
  }

  validation {
    condition     = !strcontains(var.key_template, "{version}") || var.manifest != null
    error_message = "{version} in key_template needs a manifest, because without one nothing says where an image is: set manifest = {}."
  }

  validation {
    condition     = var.key_template != try(var.manifest.key_template, null)
    error_message = "key_template must differ from manifest.key_template, or an image and the manifest that lists it would get the same key."
  }

  validation {
    condition     = alltrue([for manifest in var.manifest[*] : !strcontains(var.key_template, "{version}") || manifest.max_age_seconds <= manifest.grace_days * 86400])
    error_message = "With {version} in key_template, manifest.max_age_seconds must not exceed grace_days, or caches would show a manifest whose images are deleted."
  }
}

variable "cache_control" {
  description = "Cache-Control header of processed images, such as \"public, max-age=86400\"; null for none"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for header in var.cache_control[*] : can(regex("^[!-~]([ -~]*[!-~])?$", header)) && !can(regex("^[0-9]+$", header))])
    error_message = "cache_control must be a header such as \"max-age=3600\": one line of printable ASCII without leading or trailing spaces, and not just a number."
  }

  validation {
    condition     = var.cache_control == null || !strcontains(var.key_template, "{version}")
    error_message = "With {version} in key_template, images have the header Cache-Control: public, max-age=31536000, immutable: leave cache_control out."
  }
}

# Limits

variable "formats" {
  description = "Image formats to accept; other uploads are rejected as unsupported-format before decoding"
  type        = set(string)
  default     = ["avif", "bmp", "gif", "heic", "jpeg", "jpeg2000", "png", "tiff", "webp"]
  nullable    = false

  validation {
    condition     = length(var.formats) > 0 && length(setsubtract(var.formats, local.input_formats)) == 0
    error_message = "formats must contain at least one of ${join(", ", local.input_formats)}, and nothing else. Got ${jsonencode(var.formats)}."
  }
}

variable "max_megapixels" {
  # With an alpha channel, 150 megapixels take 1.2 GB to resize (8 bytes each), which fits into the default memory.
  description = "Maximum size of an upload in millions of pixels, summed over the frames of an animation"
  type        = number
  default     = 150
  nullable    = false

  validation {
    condition     = var.max_megapixels >= 1 && floor(var.max_megapixels) == var.max_megapixels
    error_message = "max_megapixels must be a whole number of at least 1."
  }
}

variable "max_source_megabytes" {
  description = "Maximum size of an upload in millions of bytes"
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.max_source_megabytes >= 1 && var.max_source_megabytes < var.memory_mb && floor(var.max_source_megabytes) == var.max_source_megabytes
    error_message = "max_source_megabytes must be a whole number of at least 1 and less than memory_mb, because the function holds the whole file in memory."
  }
}

# Function

variable "architecture" {
  description = "Instruction set of the function: arm64 or x86_64"
  type        = string
  default     = "arm64"
  nullable    = false
}

variable "memory_mb" {
  description = "Memory of the function in MB; 1769 MB come with one full vCPU, 3538 MB with two"
  type        = number
  default     = 1769
  nullable    = false
}

variable "require_sandbox" {
  description = "Whether to fail if the sandbox does not start, instead of decoding uploads in the function's own process"
  type        = bool
  default     = false
  nullable    = false
}

variable "timeout_seconds" {
  description = "Timeout of the function in seconds"
  type        = number
  default     = 60
  nullable    = false
}

variable "reserved_concurrency" {
  description = "Number of concurrent invocations to reserve for the function, which is also its limit; null for neither"
  type        = number
  default     = null
}

variable "retries" {
  description = "Number of retries after a transient failure, before an upload is sent to the failure queue"
  type        = number
  default     = 2
  nullable    = false
}

variable "max_event_age_seconds" {
  description = "Seconds for which an upload may wait for the function, before it is sent to the failure queue"
  type        = number
  default     = 21600
  nullable    = false
}

variable "log_retention_days" {
  description = "Days until log events are deleted; 0 keeps them forever"
  type        = number
  default     = 30
  nullable    = false
}

variable "log_level" {
  # Lambda treats lines without a level, such as metrics and crash reports, as INFO, and drops everything below the level.
  description = "Log level of the function: INFO or DEBUG. At a higher one, Lambda would also drop the metrics"
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "log_level must be DEBUG or INFO."
  }
}

variable "xray" {
  description = "Whether to trace invocations with X-Ray"
  type        = bool
  default     = false
  nullable    = false
}

variable "package_path" {
  description = "Path of a package built in advance with `python tools package`, including the files of the watermark; null builds it during apply"
  type        = string
  default     = null

  validation {
    condition     = alltrue([for path in var.package_path[*] : try(fileexists(path), false)])
    error_message = "package_path must be the path of an existing file. Build one with `make build`, or leave package_path out to have it built during apply."
  }
}

# Optional parts: null turns one off, {} turns it on with the defaults

variable "metadata" {
  description = "DynamoDB table with one record per upload, written when its images are published or when it is rejected; null for none"
  type = object({
    kms_key             = optional(object({ arn = string })) # KMS key that encrypts the table; null uses a key owned by DynamoDB
    deletion_protection = optional(bool, true)               # whether DynamoDB refuses to delete the table; to destroy it, set this to false and apply first
    expiration_days     = optional(number)                   # days from the last change of a record until it is deleted; null keeps it forever
  })
  default = null

  validation {
    condition     = alltrue([for key in try(var.metadata.kms_key[*], []) : can(regex(local.kms_key_arn, key.arn))])
    error_message = "metadata.kms_key.arn must be the ARN of a key, not a key ID or an alias."
  }

  validation {
    condition     = alltrue([for days in try(var.metadata.expiration_days[*], []) : days >= 1 && floor(days) == days])
    error_message = "metadata.expiration_days must be a whole number of at least 1."
  }
}

variable "events" {
  description = "EventBridge event for every upload that is processed or rejected; null for none"
  type = object({
    bus_name = optional(string, "default") # name of an existing event bus
  })
  default = null
}

variable "manifest" {
  description = "Manifest of every upload: a JSON object for web pages that lists its images; null for none"
  type = object({
    key_template        = optional(string, "{directory}{stem}.json") # key of the manifest, with {directory}, {stem} and {extension} as the upload has them
    max_age_seconds     = optional(number, 60)                       # how long browsers and CDNs may show a manifest before they ask for a newer one
    grace_days          = optional(number, 7)                        # with {version} in key_template, days until replaced images are deleted, for pages that still show them
    blurred_placeholder = optional(bool, false)                      # whether manifest, record and event include the image in at most 1 KB, to show while it loads
  })
  default = null

  validation {
    condition     = alltrue([for manifest in var.manifest[*] : alltrue([for token in ["{directory}", "{stem}"] : strcontains(manifest.key_template, token)])])
    error_message = "manifest.key_template must contain {directory} and {stem}, or the manifests of different uploads would get the same key."
  }

  validation {
    condition     = alltrue([for manifest in var.manifest[*] : !startswith(manifest.key_template, ".pipeline/")])
    error_message = "manifest.key_template must not start with .pipeline/, which the function uses for its own objects."
  }

  validation {
    condition     = alltrue([for manifest in var.manifest[*] : can(regex("^[0-9A-Za-z/!_.*'()-]*$", replace(manifest.key_template, "/{(directory|stem|extension)}/", "")))])
    error_message = "manifest.key_template may contain {directory}, {stem}, {extension}, letters, digits and / ! - _ . * ' ( )."
  }

  validation {
    condition = alltrue([for manifest in var.manifest[*] : alltrue([
      manifest.max_age_seconds >= 0, manifest.max_age_seconds <= 31536000, floor(manifest.max_age_seconds) == manifest.max_age_seconds,
      manifest.grace_days >= 1, floor(manifest.grace_days) == manifest.grace_days,
    ])])
    error_message = "manifest.max_age_seconds must be a whole number from 0 to 31536000 and grace_days a whole number of at least 1."
  }
}

variable "upload_api" {
  description = "HTTP API, with a page, that issues upload forms and reports the status of uploads; null for none. Requests must be signed (AWS_IAM) unless jwt or public is set"
  type = object({
    jwt                 = optional(object({ issuer = string, audience = list(string) })) # accept tokens of this OIDC issuer for any of these audiences; every subject sees and overwrites only its own uploads
    public              = optional(bool, false)                                          # accept everyone
    allowed_origins     = optional(list(string), [])                                     # origins of other web pages that may call the API and upload, such as "https://example.com"
    requests_per_second = optional(number, 20)                                           # sustained throttling limit
    burst               = optional(number, 40)                                           # momentary throttling limit
    form_minutes        = optional(number, 5)                                            # how long an upload form is valid
    link_minutes        = optional(number, 60)                                           # how long links to images are valid
  })
  default = null

  validation {
    condition     = alltrue([for jwt in try(var.upload_api.jwt[*], []) : startswith(jwt.issuer, "https://") && length(jwt.audience) > 0 && !var.upload_api.public])
    error_message = "upload_api.jwt needs an issuer that starts with https:// and at least one audience, and excludes upload_api.public."
  }

  validation {
    condition     = alltrue([for origin in try(var.upload_api.allowed_origins, []) : can(regex("^https?://[a-z0-9.-]+(:[0-9]+)?$", origin))])
    error_message = "upload_api.allowed_origins must be origins such as https://example.com, without a path or a wildcard; check ${jsonencode(try(var.upload_api.allowed_origins, null))}."
  }

  validation {
    # A signed form or link expires with the function's credentials.
    condition = alltrue([for upload_api in var.upload_api[*] : alltrue([
      upload_api.requests_per_second >= 1, upload_api.requests_per_second <= 10000, upload_api.burst >= 1, upload_api.burst <= 5000,
      upload_api.form_minutes >= 1, upload_api.form_minutes <= 60, upload_api.link_minutes >= 1, upload_api.link_minutes <= 360,
    ])])
    error_message = "upload_api.requests_per_second must be from 1 to 10000, burst from 1 to 5000, form_minutes from 1 to 60 and link_minutes from 1 to 360."
  }

  validation {
    condition     = var.upload_api == null || (var.metadata != null && try(var.metadata.expiration_days, null) == null)
    error_message = "upload_api reads the status of uploads from records that never expire: set metadata, and leave its expiration_days null."
  }

  validation {
    condition     = var.upload_api == null || (startswith("uploads/", var.trigger_prefix) && length(var.trigger_suffixes) == 0)
    error_message = "upload_api accepts uploads under uploads/ with any extension, and they must trigger the function: trigger_suffixes must be empty and trigger_prefix \"\" or \"uploads/\"."
  }

  validation {
    condition = var.upload_api == null || anytrue([for variant in var.variants : variant.prefixes == null ? true : anytrue([
      for prefix in variant.prefixes : startswith(prefix, "uploads/") || startswith("uploads/", prefix)
    ])])
    error_message = "upload_api accepts uploads under uploads/, and no variant applies to these: give one no prefixes, or uploads/ among them."
  }

  validation {
    condition     = var.upload_api == null || !anytrue([for name in [var.existing_source_bucket, var.existing_processed_bucket] : strcontains(coalesce(name, "-"), ".")])
    error_message = "upload_api needs buckets without a dot in their names, because the certificate of S3 does not cover their addresses in forms and links."
  }
}

variable "cdn" {
  description = "CloudFront distribution in front of the processed bucket, and no other public access; null for none"
  type = object({
    domain_names    = optional(list(string), [])                                                                                  # other domain names of the distribution, such as "images.example.com"; URLs contain the first
    certificate_arn = optional(string)                                                                                            # ACM certificate for these names, in us-east-1; null for the certificate of cloudfront.net
    price_class     = optional(string, "PriceClass_All")                                                                          # where images are cached: everywhere, or PriceClass_200 or PriceClass_100 for fewer and cheaper places
    allowed_origins = optional(list(string), ["*"])                                                                               # origins of pages whose scripts may read images, such as "https://example.com"; every page may show them
    public_keys     = optional(map(string), {})                                                                                   # PEM by name; with any, images are private: each URL must be signed with one of the private keys
    access_logs     = optional(object({ bucket = string, prefix = optional(string, "") }))                                        # existing bucket with ACLs for CloudFront's standard logs; null for none
    existing        = optional(object({ url = string, distribution_arn = optional(string), is_private = optional(bool, false) })) # existing CDN that serves the processed bucket below this URL, and its ARN if it is CloudFront's; null creates one
  })
  default = null

  validation {
    condition     = alltrue([for cdn in var.cdn[*] : contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], cdn.price_class)])
    error_message = "cdn.price_class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }

  validation {
    condition     = alltrue([for cdn in var.cdn[*] : (cdn.certificate_arn == null) == (length(cdn.domain_names) == 0)])
    error_message = "cdn.domain_names and cdn.certificate_arn need each other: CloudFront serves a domain name only with a certificate for it."
  }

  validation {
    condition     = alltrue([for arn in try(var.cdn.certificate_arn[*], []) : can(regex("^arn:[a-z-]+:acm:us-east-1:[0-9]{12}:certificate/[a-zA-Z0-9-]+$", arn))])
    error_message = "cdn.certificate_arn must be the ARN of an ACM certificate in us-east-1, where CloudFront looks for it."
  }

  validation {
    condition     = alltrue([for name in try(var.cdn.domain_names, []) : can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", name))])
    error_message = "cdn.domain_names must be names such as images.example.com, in lower case and without a wildcard; check ${jsonencode(try(var.cdn.domain_names, null))}."
  }

  validation {
    condition     = alltrue([for origin in try(var.cdn.allowed_origins, []) : can(regex("^https?://[a-z0-9.-]+(:[0-9]+)?$", origin)) || var.cdn.allowed_origins == tolist(["*"])]) && try(length(var.cdn.allowed_origins) > 0, true)
    error_message = "cdn.allowed_origins must be [\"*\"] or origins such as https://example.com, without a path or a wildcard; check ${jsonencode(try(var.cdn.allowed_origins, null))}."
  }

  validation {
    condition     = alltrue([for name, pem in try(var.cdn.public_keys, {}) : can(regex("^[a-zA-Z0-9_-]{1,40}$", name)) && can(regex("^\\s*-----BEGIN PUBLIC KEY-----\\s[A-Za-z0-9+/=\\s]+-----END PUBLIC KEY-----\\s*$", pem))])
    error_message = "cdn.public_keys must be public keys in PEM (BEGIN PUBLIC KEY) by names of at most 40 letters, digits, hyphens and underscores; check ${join(", ", keys(try(var.cdn.public_keys, {})))}."
  }

  validation {
    condition     = alltrue([for logs in try(var.cdn.access_logs[*], []) : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", logs.bucket)) && !startswith(logs.prefix, "/")])
    error_message = "cdn.access_logs.bucket must be the name of a bucket, and its prefix must not start with a slash."
  }

  validation {
    condition     = alltrue([for logs in try(var.cdn.access_logs[*], []) : !contains(compact([var.source_bucket_name, var.processed_bucket_name, var.existing_source_bucket, var.existing_processed_bucket]), logs.bucket)])
    error_message = "cdn.access_logs.bucket must be neither of the pipeline's buckets: the function would process logs as uploads, and neither has the ACLs that CloudFront needs."
  }

  validation {
    condition = alltrue([
      for existing in try(var.cdn.existing[*], []) :
      can(regex("^https://[^/?#[:space:]]+(/[^/?#[:space:]]+)*$", existing.url)) && alltrue([for arn in existing.distribution_arn[*] : can(regex("^arn:[a-z-]+:cloudfront::[0-9]{12}:distribution/[A-Z0-9]+$", arn))])
    ])
    error_message = "cdn.existing.url must be an https URL such as https://images.example.com, without a slash at its end, a query or a fragment, and distribution_arn the ARN of a CloudFront distribution."
  }

  validation {
    condition = alltrue([
      for cdn in var.cdn[*] : cdn.existing == null || (length(cdn.domain_names) == 0 && length(cdn.public_keys) == 0 && cdn.access_logs == null)
    ])
    error_message = "cdn.existing is configured elsewhere: leave out domain_names, public_keys and access_logs."
  }
}

variable "workflow" {
  description = "Step Functions workflow between the source bucket and the function, with room for a review; null for none"
  type = object({
    type           = optional(string, "express")                                                         # express is cheap and takes up to five minutes; standard retries for longer and keeps a history
    review         = optional(object({ function_arn = string, timeout_seconds = optional(number, 30) })) # Lambda function that allows or refuses every upload before its images are made
    direct_trigger = optional(bool, false)                                                               # whether S3 also invokes the function directly, so that no upload is lost while the workflow is turned on or off or changes its type
  })
  default = null

  validation {
    condition     = alltrue([for workflow in var.workflow[*] : contains(["express", "standard"], workflow.type)])
    error_message = "workflow.type must be express or standard."
  }

  validation {
    condition     = alltrue([for review in try(var.workflow.review[*], []) : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+(:[a-zA-Z0-9$_-]+)?$", review.function_arn))])
    error_message = "workflow.review.function_arn must be the ARN of a function, a version or an alias."
  }

  validation {
    condition     = alltrue([for review in try(var.workflow.review[*], []) : contains(range(1, var.workflow.type == "express" ? 31 : 901), review.timeout_seconds)])
    error_message = "workflow.review.timeout_seconds must be a whole number from 1 to 900, and at most 30 with type express, which may review twice within its five minutes."
  }

  validation {
    condition     = alltrue([for workflow in var.workflow[*] : workflow.type != "express" || var.timeout_seconds <= 240])
    error_message = "timeout_seconds must be at most 240 with an express workflow, which Step Functions ends after five minutes; workflow.type standard allows more."
  }

  validation {
    condition     = alltrue([for workflow in var.workflow[*] : workflow.review == null || !workflow.direct_trigger])
    error_message = "workflow.direct_trigger would publish uploads without the review: turn it off before you set workflow.review."
  }
}

variable "backfill" {
  description = "Step Functions state machine that processes existing objects of the source bucket, started with `make backfill`; null for none"
  type = object({
    batch_size                   = optional(number, 10)               # objects per invocation of the function
    max_concurrency              = optional(number, 5)                # concurrent invocations
    tolerated_failure_percentage = optional(number, 5)                # share of failed objects above which the backfill stops
    timeout_hours                = optional(number, 24)               # hours after which the backfill stops
    inventory_bucket             = optional(object({ arn = string })) # bucket with S3 Inventory reports; null for none
  })
  default = null

  validation {
    # Step Functions ends every execution after a year.
    condition = alltrue([for backfill in var.backfill[*] : alltrue([
      contains(range(1, 101), backfill.batch_size), contains(range(1, 1001), backfill.max_concurrency),
      backfill.tolerated_failure_percentage >= 0, backfill.tolerated_failure_percentage <= 100,
      backfill.timeout_hours >= 1, backfill.timeout_hours <= 24 * 365, floor(backfill.timeout_hours) == backfill.timeout_hours,
    ])])
    error_message = "backfill.batch_size must be a whole number from 1 to 100, max_concurrency from 1 to 1000, tolerated_failure_percentage from 0 to 100 and timeout_hours from 1 to 8760."
  }

  validation {
    # With 0 nothing is processed at all.
    condition     = var.reserved_concurrency == 0 || try(var.backfill.max_concurrency < var.reserved_concurrency, var.backfill == null || var.reserved_concurrency == null)
    error_message = "backfill.max_concurrency must be less than reserved_concurrency, or live uploads would have to wait for the backfill."
  }

  validation {
    condition     = alltrue([for bucket in try(var.backfill.inventory_bucket[*], []) : can(regex("^arn:[a-z-]+:s3:::[a-z0-9.-]{3,63}$", bucket.arn))])
    error_message = "backfill.inventory_bucket.arn must be the ARN of a bucket, without a key."
  }
}

locals {
  alarm_parts = {
    workflow_failing      = var.workflow != null
    uploads_not_delivered = var.workflow != null || var.existing_source_bucket != null || var.trigger == "eventbridge"
    backfill_failing      = var.backfill != null
    table_throttled       = var.metadata != null
    upload_api_failing    = var.upload_api != null
  }

  alarm_names = concat(
    [
      "close_to_memory_limit", "close_to_timeout", "failed_uploads_expiring", "failed_uploads_waiting", "function_failing", "many_invocations",
      "many_rejected", "no_results", "recursion", "uploads_lost", "uploads_waiting_too_long",
    ],
    [for name, is_on in local.alarm_parts : name if is_on],
  )
}

locals {
  # The most that the metric of an alarm can be, in its unit. The other metrics have no maximum.
  alarm_maximums = {
    failed_uploads_expiring  = 14 * 24 * 60 * 60
    uploads_waiting_too_long = var.max_event_age_seconds * 1000
    many_rejected            = 100
    close_to_timeout         = var.timeout_seconds * 1000
    close_to_memory_limit    = var.memory_mb
    no_results               = 1
  }
}

variable "monitoring" {
  description = "CloudWatch alarms, dashboard and saved queries; null for none"
  type = object({
    emails                   = optional(list(string), [])                                                                                                 # addresses that receive a message for every alarm, after each has confirmed it
    topic_arns               = optional(list(string), [])                                                                                                 # existing SNS topics that receive a message for every alarm
    max_invocations_per_hour = optional(number, 10000)                                                                                                    # invocations per hour above which something is wrong
    alarms                   = optional(map(object({ enabled = optional(bool, true), threshold = optional(number), in_composite = optional(bool) })), {}) # overrides of the defaults, by the name of the alarm
    monthly_budget           = optional(number)                                                                                                           # US dollars per month; above it, actual or forecast, the same addresses and the first topic receive a message
    budget_tag               = optional(string)                                                                                                           # key in tags, activated as a cost allocation tag, to which the budget is limited; null for the whole account
  })
  default = null

  validation {
    condition     = alltrue([for email in try(var.monitoring.emails, []) : can(regex("^[^@ ]+@[^@ ]+\\.[^@ .]+$", email))])
    error_message = "monitoring.emails must be e-mail addresses; check ${jsonencode(try(var.monitoring.emails, null))}."
  }

  validation {
    condition     = alltrue([for arn in try(var.monitoring.topic_arns, []) : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]+$", arn))])
    error_message = "monitoring.topic_arns must be ARNs of standard SNS topics; check ${jsonencode(try(var.monitoring.topic_arns, null))}."
  }

  validation {
    # CloudWatch allows five actions for an alarm.
    condition     = length(try(var.monitoring.topic_arns, [])) + min(1, length(try(var.monitoring.emails, []))) <= 5
    error_message = "monitoring.topic_arns may name at most five topics, or four with emails, because an alarm has at most five actions."
  }

  validation {
    condition     = alltrue([for monitoring in var.monitoring[*] : monitoring.max_invocations_per_hour >= 1])
    error_message = "monitoring.max_invocations_per_hour must be at least 1."
  }

  validation {
    condition     = length(setsubtract(keys(try(var.monitoring.alarms, {})), local.alarm_names)) == 0
    error_message = "monitoring.alarms may change ${join(", ", local.alarm_names)}, but not ${join(", ", setsubtract(keys(try(var.monitoring.alarms, {})), local.alarm_names))}: there is no such alarm, or its part is off."
  }

  validation {
    condition = alltrue([for name, alarm in try(var.monitoring.alarms, {}) : try(alarm.threshold >= 0 && alarm.threshold < lookup(local.alarm_maximums, name, alarm.threshold + 1), true)])
    error_message = "An alarm would be on or off forever: ${join(" ", [
      for name, alarm in try(var.monitoring.alarms, {}) : "monitoring.alarms.${name}.threshold is ${alarm.threshold} and must be ${try("at least 0 and less than ${local.alarm_maximums[name]}", "at least 0")}."
      if try(alarm.threshold < 0 || alarm.threshold >= lookup(local.alarm_maximums, name, alarm.threshold + 1), false)
    ])}"
  }

  validation {
    condition     = alltrue([for dollars in try(var.monitoring.monthly_budget[*], []) : dollars > 0 && length(var.monitoring.emails) + length(var.monitoring.topic_arns) > 0 && length(var.monitoring.emails) <= 10])
    error_message = "monitoring.monthly_budget must be more than 0 and needs emails, at most 10, or topic_arns, or no one would be notified."
  }

  validation {
    condition     = alltrue([for key in try(var.monitoring.budget_tag[*], []) : contains(keys(var.tags), key) && var.monitoring.monthly_budget != null])
    error_message = "monitoring.budget_tag must be a key in tags and needs monthly_budget."
  }
}

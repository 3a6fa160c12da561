"""Values of variables that a plan refuses, and some like them that it accepts."""

from collections.abc import Mapping

Values = Mapping[str, object]

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d"
EUROPEAN_CERTIFICATE = CERTIFICATE.replace("us-east-1", "eu-central-1")
DISTRIBUTION = "arn:aws:cloudfront::123456789012:distribution/E1A2B3C4D5E6F7"
REVIEWER = "arn:aws:lambda:eu-central-1:123456789012:function:moderation"

REFUSED: Mapping[str, Mapping[str, Values]] = {
    "bucket_prefix": {
        "invalid bucket prefix": {"bucket_prefix": "Acme_Pets"},
        "reserved bucket prefix": {"bucket_prefix": "sthree-pets"},
    },
    "name": {"reserved name": {"name": "amzn-s3-demo-pets"}, "invalid name": {"name": "Pets"}},
    "source_bucket_name": {
        "invalid source bucket name": {"source_bucket_name": "acme.pets"},
        "reserved source bucket name": {"source_bucket_name": "acme-pets-s3alias"},
        "source bucket name with a reserved suffix": {"source_bucket_name": "acme-pets-an"},
    },
    "processed_bucket_name": {
        "processed bucket name with a reserved suffix": {"processed_bucket_name": "acme-pets-an"},
        "invalid processed bucket name": {"processed_bucket_name": "-acme"},
        "reserved processed bucket name": {"processed_bucket_name": "xn--acme"},
    },
    "kms_key": {
        "key by its alias": {"kms_key": {"arn": "arn:aws:kms:eu-central-1:123456789012:alias/pets"}}
    },
    "source_expiration_days": {"source expiration of 0 days": {"source_expiration_days": 0}},
    "processed_expiration_days": {
        "processed expiration of 0 days": {"processed_expiration_days": 0}
    },
    "abort_multipart_days": {"aborting uploads after 0 days": {"abort_multipart_days": 0}},
    "cdn": {
        "unknown price class": {"cdn": {"price_class": "PriceClass_300"}},
        "domain name without a certificate": {"cdn": {"domain_names": ["images.example.com"]}},
        "certificate without a domain name": {"cdn": {"certificate_arn": CERTIFICATE}},
        "certificate of another region": {
            "cdn": {
                "certificate_arn": EUROPEAN_CERTIFICATE,
                "domain_names": ["images.example.com"],
            }
        },
        "domain name with a scheme": {
            "cdn": {
                "certificate_arn": CERTIFICATE,
                "domain_names": ["https://images.example.com"],
            }
        },
        "wildcard that no url can contain": {
            "cdn": {
                "certificate_arn": CERTIFICATE,
                "domain_names": ["*.example.com"],
            }
        },
        "origin with a path": {"cdn": {"allowed_origins": ["https://example.com/"]}},
        "all origins and some": {"cdn": {"allowed_origins": ["*", "https://example.com"]}},
        "no origin": {"cdn": {"allowed_origins": []}},
        "private key": {
            "cdn": {
                "public_keys": {
                    "web": "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"
                }
            }
        },
        "path of a key": {"cdn": {"public_keys": {"web": "keys/web.pem"}}},
        "logs by an url": {"cdn": {"access_logs": {"bucket": "s3://acme-logs"}}},
        "logs among the uploads": {
            "cdn": {"access_logs": {"bucket": "acme-photos"}},
            "source_bucket_name": "acme-photos",
        },
        "distribution by its id": {
            "cdn": {
                "existing": {
                    "distribution_arn": "E1A2B3C4D5E6F7",
                    "url": "https://images.example.com",
                }
            }
        },
        "url with a slash at its end": {
            "cdn": {
                "existing": {
                    "distribution_arn": DISTRIBUTION,
                    "url": "https://images.example.com/",
                }
            }
        },
        "settings for an existing distribution": {
            "cdn": {
                "existing": {
                    "distribution_arn": DISTRIBUTION,
                    "url": "https://images.example.com",
                },
                "public_keys": {
                    "web": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----"
                },
            }
        },
        "url without https": {"cdn": {"existing": {"url": "http://images.example.com"}}},
        "url with a query": {"cdn": {"existing": {"url": "https://images.example.com?a=b"}}},
    },
    "existing_source_bucket": {
        "invalid existing source bucket": {"existing_source_bucket": "arn:aws:s3:::photos"},
        "existing source bucket with a leading hyphen": {"existing_source_bucket": "-photos"},
        "access point of an existing source bucket": {
            "existing_source_bucket": "photos-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias"
        },
        "source bucket name of an existing source bucket": {
            "existing_source_bucket": "photos",
            "source_bucket_name": "acme",
        },
        "source expiration days of an existing source bucket": {
            "existing_source_bucket": "photos",
            "source_expiration_days": 30,
        },
        "source noncurrent days of an existing source bucket": {
            "existing_source_bucket": "photos",
            "source_noncurrent_days": None,
        },
    },
    "existing_processed_bucket": {
        "invalid existing processed bucket": {"existing_processed_bucket": "s3://photos"},
        "directory bucket": {"existing_processed_bucket": "images--use1-az4--x-s3"},
        "processed bucket name of an existing processed bucket": {
            "existing_processed_bucket": "web.images",
            "processed_bucket_name": "acme",
        },
        "processed expiration days of an existing processed bucket": {
            "existing_processed_bucket": "web.images",
            "processed_expiration_days": 30,
        },
        "bucket prefix without a bucket to create": {
            "existing_processed_bucket": "web.images",
            "bucket_prefix": "acme",
            "existing_source_bucket": "photos",
        },
        "force destroy without a bucket to create": {
            "existing_processed_bucket": "web.images",
            "existing_source_bucket": "photos",
            "force_destroy": True,
        },
        "abort multipart days without a bucket to create": {
            "existing_processed_bucket": "web.images",
            "abort_multipart_days": 3,
            "existing_source_bucket": "photos",
        },
        "days until retired images are deleted from an existing bucket": {
            "existing_processed_bucket": "images",
            "manifest": {"grace_days": 3},
        },
    },
    "trigger": {
        "notification of an existing bucket": {
            "trigger": "notification",
            "existing_source_bucket": "photos",
        },
        "unknown trigger": {"trigger": "sqs"},
    },
    "upload_api": {
        "upload api with a dot in the name of a bucket": {
            "upload_api": {},
            "existing_processed_bucket": "web.images",
            "metadata": {},
        },
        "public with tokens": {
            "upload_api": {
                "jwt": {"audience": ["photos"], "issuer": "https://id.example.com"},
                "public": True,
            },
            "metadata": {},
        },
        "issuer by http": {
            "upload_api": {"jwt": {"audience": ["photos"], "issuer": "http://id.example.com"}},
            "metadata": {},
        },
        "tokens without an audience": {
            "upload_api": {"jwt": {"audience": [], "issuer": "https://id.example.com"}},
            "metadata": {},
        },
        "any origin": {"upload_api": {"allowed_origins": ["*"]}, "metadata": {}},
        "no throttling": {"upload_api": {"public": True, "requests_per_second": 0}, "metadata": {}},
        "forms that outlive their credentials": {
            "upload_api": {"form_minutes": 1000},
            "metadata": {},
        },
        "uploads outside the trigger prefix": {
            "upload_api": {},
            "metadata": {},
            "trigger_prefix": "incoming/",
        },
        "uploads without the trigger suffix": {
            "upload_api": {},
            "metadata": {},
            "trigger_suffixes": [".jpg"],
        },
        "upload api without records": {"upload_api": {}},
        "upload api with records that expire": {
            "upload_api": {},
            "metadata": {"expiration_days": 30},
        },
        "requests per second of 10001": {
            "upload_api": {"requests_per_second": 10001},
            "metadata": {},
        },
        "burst of 0": {"upload_api": {"burst": 0}, "metadata": {}},
        "burst of 5001": {"upload_api": {"burst": 5001}, "metadata": {}},
        "form minutes of 0": {"upload_api": {"form_minutes": 0}, "metadata": {}},
        "link minutes of 0": {"upload_api": {"link_minutes": 0}, "metadata": {}},
        "link minutes of 361": {"upload_api": {"link_minutes": 361}, "metadata": {}},
        "upload api without a variant for its uploads": {
            "upload_api": {},
            "metadata": {},
            "variants": {"face": {"prefixes": ["avatars/"], "width": 64}},
        },
    },
    "formats": {"unknown format": {"formats": ["jpeg", "jpg"]}, "no format": {"formats": []}},
    "max_megapixels": {
        "limit of 0 megapixels": {"max_megapixels": 0},
        "fractional megapixels": {"max_megapixels": 1.5},
    },
    "max_source_megabytes": {
        "limit of half a megabyte": {"max_source_megabytes": 0.5},
        "file limit beyond the memory": {"max_source_megabytes": 512, "memory_mb": 512},
        "fractional megabytes": {"max_source_megabytes": 1.5},
        "limit of 0 megabytes": {"max_source_megabytes": 0},
    },
    "log_level": {"log level that drops metrics": {"log_level": "ERROR"}},
    "exif_facts": {"unknown exif fact": {"exif_facts": ["date", "owner"]}},
    "package_path": {
        "missing package": {"package_path": "build/none.zip"},
        "empty path of a package": {"package_path": ""},
        "folder as a package": {"package_path": "lambda"},
    },
    "tags": {"reserved tag": {"tags": {"AWS:team": "pets"}}},
    "key_template": {
        "version in the key without a manifest": {
            "key_template": "{directory}{stem}-{version}{extension}"
        },
        "manifest under the key of the images": {
            "manifest": {"key_template": "{directory}{stem}{extension}"}
        },
        "manifest age beyond the grace": {
            "key_template": "{directory}{stem}-{version}{extension}",
            "manifest": {"grace_days": 1, "max_age_seconds": 86401},
        },
        "template without a directory": {"key_template": "{stem}{extension}"},
        "template without a stem": {"key_template": "{directory}{extension}"},
        "template without an extension": {"key_template": "{directory}{stem}"},
        "template without the variant for several": {
            "variants": {"large": {"width": 1600}, "thumb": {"width": 320}}
        },
        "template whose variant runs into the stem": {
            "key_template": "{directory}{stem}{variant}{extension}"
        },
        "template whose variant runs into the directory": {
            "key_template": "{variant}{directory}{stem}{extension}"
        },
        "template under a reserved prefix": {
            "key_template": ".pipeline/{directory}{stem}{extension}"
        },
        "unknown token in the template": {"key_template": "{directory}{stem}{date}{extension}"},
        "stray brace in the template": {"key_template": "{directory}{stem}}{extension}"},
        "unsafe character in the template": {"key_template": "{directory}{stem}#{extension}"},
        "template without the width for several": {"variants": {"hero": {"widths": [320, 640]}}},
        "template whose width runs into the stem": {
            "key_template": "{directory}{stem}{width}{extension}",
            "variants": {"hero": {"widths": [320, 640]}},
        },
        "template with a width that a variant does not have": {
            "key_template": "{directory}{stem}-{width}{extension}",
            "variants": {"hero": {"height": 320}},
        },
    },
    "cache_control": {
        "cache control of immutable images": {
            "cache_control": "max-age=60",
            "key_template": "{directory}{stem}-{version}{extension}",
            "manifest": {},
        },
        "cache control of two lines": {"cache_control": "public\nprivate"},
        "cache control of a number": {"cache_control": 3600},
    },
    "manifest": {
        "manifest without the directory": {"manifest": {"key_template": "{stem}.json"}},
        "manifest without the stem": {"manifest": {"key_template": "{directory}index.json"}},
        "manifest under a reserved prefix": {
            "manifest": {"key_template": ".pipeline/{directory}{stem}.json"}
        },
        "manifest per variant": {"manifest": {"key_template": "{directory}{stem}-{variant}.json"}},
        "manifest per version": {"manifest": {"key_template": "{directory}{stem}-{version}.json"}},
        "unsafe character in the key of a manifest": {
            "manifest": {"key_template": "{directory}{stem}?.json"}
        },
        "negative manifest age": {"manifest": {"max_age_seconds": -1}},
        "manifest age beyond a year": {"manifest": {"max_age_seconds": 31536001}},
        "grace of 0 days": {"manifest": {"grace_days": 0}},
        "fractional grace days": {"manifest": {"grace_days": 1.5}},
    },
    "backfill": {
        "batch size of 0": {"backfill": {"batch_size": 0}},
        "batch size above 100": {"backfill": {"batch_size": 101}},
        "concurrency without a limit": {"backfill": {"max_concurrency": 0}},
        "backfill concurrency equal to the reserved one": {
            "backfill": {"max_concurrency": 5},
            "reserved_concurrency": 5,
        },
        "tolerated failures above 100 percent": {"backfill": {"tolerated_failure_percentage": 101}},
        "timeout beyond a year": {"backfill": {"timeout_hours": 9000}},
        "inventory by its key": {
            "backfill": {"inventory_bucket": {"arn": "arn:aws:s3:::acme-inventory/manifest.json"}}
        },
        "negative tolerated failure percentage": {"backfill": {"tolerated_failure_percentage": -1}},
        "timeout hours of 0": {"backfill": {"timeout_hours": 0}},
        "fractional timeout hours": {"backfill": {"timeout_hours": 1.5}},
    },
    "metadata": {
        "key by its alias": {"metadata": {"kms_key": {"arn": "alias/photos"}}},
        "record expiration of 0 days": {"metadata": {"expiration_days": 0}},
        "fractional record expiration": {"metadata": {"expiration_days": 1.5}},
    },
    "workflow": {
        "function that could outlast an express workflow": {"workflow": {}, "timeout_seconds": 241},
        "unknown workflow type": {"workflow": {"type": "fast"}},
        "review function name instead of its arn": {
            "workflow": {"review": {"function_arn": "moderation"}}
        },
        "review timeout of 0": {
            "workflow": {
                "review": {
                    "function_arn": REVIEWER,
                    "timeout_seconds": 0,
                }
            }
        },
        "review timeout beyond express": {
            "workflow": {
                "review": {
                    "function_arn": REVIEWER,
                    "timeout_seconds": 31,
                }
            }
        },
        "direct trigger with a review": {
            "workflow": {
                "direct_trigger": True,
                "review": {"function_arn": REVIEWER},
            }
        },
    },
    "monitoring": {
        "invalid email address": {"monitoring": {"emails": ["ops"]}},
        "invalid topic arn": {"monitoring": {"topic_arns": ["pager"]}},
        "more topics than an alarm has actions": {
            "monitoring": {
                "emails": ["ops@example.com"],
                "topic_arns": [f"arn:aws:sns:eu-central-1:123456789012:{name}" for name in "abcde"],
            }
        },
        "invocations below one": {"monitoring": {"max_invocations_per_hour": 0}},
        "unknown alarm": {"monitoring": {"alarms": {"errors": {"enabled": False}}}},
        "alarm of a part that is off": {
            "monitoring": {"alarms": {"workflow_failing": {"enabled": False}}}
        },
        **{
            f"threshold of {name} beyond its metric": {
                "monitoring": {"alarms": {name: {"threshold": threshold}}}
            }
            for name, threshold in {
                "failed_uploads_waiting": -1,
                "failed_uploads_expiring": 15 * 24 * 60 * 60,
                "uploads_waiting_too_long": 21600 * 1000,
                "many_rejected": 100,
                "close_to_timeout": 60000,
                "close_to_memory_limit": 1800,
                "no_results": 5,
            }.items()
        },
        "budget without recipients": {"monitoring": {"monthly_budget": 25}},
        "budget of 0": {"monitoring": {"emails": ["ops@example.com"], "monthly_budget": 0}},
        "budget for a missing tag": {
            "monitoring": {
                "budget_tag": "team",
                "emails": ["ops@example.com"],
                "monthly_budget": 25,
            }
        },
    },
    "trigger_prefix": {
        "wildcard in the prefix": {"trigger_prefix": "photos/*"},
        "prefix that begins with a slash": {"trigger_prefix": "/photos"},
    },
    "trigger_suffixes": {
        "wildcard in a suffix": {"trigger_suffixes": ["*.jpg"]},
        "empty suffix": {"trigger_suffixes": [""]},
        "null as a suffix": {"trigger_suffixes": [None]},
        "suffix that ends in another": {"trigger_suffixes": [".jpg", "-large.jpg"]},
        "duplicate suffix": {"trigger_suffixes": [".jpg", ".jpg"]},
        "suffix without its dot": {"trigger_suffixes": ["jpg"]},
    },
    "variants": {
        "no variants": {"variants": {}},
        "invalid variant name": {"variants": {"Thumb 1": {"width": 320}}},
        "variant without width and height": {"variants": {"thumb": {"quality": 70}}},
        "fractional width": {"variants": {"thumb": {"width": 0.5}}},
        "height beyond webp": {"variants": {"thumb": {"height": 16384}}},
        "unknown fit": {"variants": {"thumb": {"fit": "crop", "width": 320}}},
        "unknown position": {"variants": {"thumb": {"position": "middle", "width": 320}}},
        "entropy without cover": {"variants": {"thumb": {"position": "entropy", "width": 320}}},
        "format that browsers do not show": {
            "variants": {"thumb": {"format": "heic", "width": 320}}
        },
        "quality above 100": {"variants": {"thumb": {"quality": 101, "width": 320}}},
        "unknown chroma": {"variants": {"thumb": {"chroma": "4:2:2", "width": 320}}},
        "lossless jpeg": {
            "variants": {"thumb": {"format": "jpeg", "lossless": True, "width": 320}}
        },
        "palette of a jpeg": {
            "variants": {"thumb": {"format": "jpeg", "palette": True, "width": 320}}
        },
        "max bytes of 0": {"variants": {"thumb": {"max_bytes": 0, "width": 320}}},
        "fractional height": {"variants": {"thumb": {"height": 1.5}}},
        "width with widths": {"variants": {"hero": {"width": 320, "widths": [640]}}},
        "no widths": {"variants": {"hero": {"widths": []}}},
        "duplicate width": {"variants": {"hero": {"widths": [320, 320]}}},
        "widths beyond webp": {"variants": {"hero": {"widths": [320, 16384]}}},
        "widths that stretch": {"variants": {"hero": {"fit": "fill", "widths": [320, 640]}}},
        "cropped widths without an aspect ratio": {
            "variants": {"hero": {"fit": "cover", "widths": [320, 640]}}
        },
        "aspect ratio without cover": {
            "variants": {"hero": {"aspect_ratio": "16:9", "width": 320}}
        },
        "invalid aspect ratio": {
            "variants": {"hero": {"aspect_ratio": "1.5", "fit": "cover", "width": 320}}
        },
        "format with formats": {
            "variants": {"hero": {"format": "webp", "formats": ["jpeg"], "width": 320}}
        },
        "kept format among formats": {
            "variants": {"hero": {"formats": ["webp", "keep"], "width": 320}}
        },
        "duplicate format": {"variants": {"hero": {"formats": ["webp", "webp"], "width": 320}}},
        "lossless without webp among the formats": {
            "variants": {"hero": {"formats": ["avif", "jpeg"], "lossless": True, "width": 320}}
        },
        "empty prefix": {"variants": {"hero": {"prefixes": [""], "width": 320}}},
        "prefix that no upload begins with": {
            "trigger_prefix": "photos/",
            "variants": {"face": {"prefixes": ["photos/faces/", "avatars/"], "width": 64}},
        },
        "widths that are null": {"variants": {"hero": {"widths": [None, 320]}}},
    },
    "background": {"invalid background": {"background": "white"}},
    "watermark": {
        "text and logo together": {
            "watermark": {"logo": "tools/samples/astronaut.png", "text": "Acme"}
        },
        "neither text nor logo": {"watermark": {"width_percent": 10}},
        "blank text": {"watermark": {"text": "  "}},
        "text of two lines": {"watermark": {"text": "Acme\n2025"}},
        "missing logo": {"watermark": {"logo": "tests/terraform/mocks/none.png"}},
        "logo of another file type": {"watermark": {"logo": "variables.tf"}},
        "missing font": {"watermark": {"font": "tests/terraform/mocks/none.ttf", "text": "Acme"}},
        "font of another file type": {"watermark": {"font": "variables.tf", "text": "Acme"}},
        "font for a logo": {
            "watermark": {
                "font": "tests/terraform/mocks/font.ttf",
                "logo": "tools/samples/astronaut.png",
            }
        },
        "unknown watermark position": {"watermark": {"position": "middle", "text": "Acme"}},
        "watermark wider than the picture": {"watermark": {"text": "Acme", "width_percent": 101}},
        "negative margin": {"watermark": {"margin_percent": -1, "text": "Acme"}},
        "invisible watermark": {"watermark": {"opacity_percent": 0, "text": "Acme"}},
        "rotation beyond a full turn": {"watermark": {"rotation_degrees": 361, "text": "Acme"}},
        "invalid watermark color": {"watermark": {"color": "white", "text": "Acme"}},
        "unknown contrast": {"watermark": {"contrast": "glow", "text": "Acme"}},
        "text without glyphs in the bundled font": {"watermark": {"text": "漢字"}},
        "watermark width of 0": {"watermark": {"text": "Acme", "width_percent": 0}},
        "margin above 50 percent": {"watermark": {"margin_percent": 51, "text": "Acme"}},
        "opacity above 100 percent": {"watermark": {"opacity_percent": 101, "text": "Acme"}},
    },
}
"""By the variable that is refused, and what is wrong with it."""

ACCEPTED: Mapping[str, Values] = {
    "smaller price class": {"cdn": {"price_class": "PriceClass_100"}},
    "domain name with its certificate": {
        "cdn": {
            "certificate_arn": CERTIFICATE,
            "domain_names": ["images.example.com"],
        }
    },
    "named origins": {"cdn": {"allowed_origins": ["https://example.com", "http://localhost:3000"]}},
    "public key": {
        "cdn": {
            "public_keys": {
                "web": "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkq/+==\n-----END PUBLIC KEY-----\n"
            }
        }
    },
    "existing distribution": {
        "cdn": {
            "existing": {
                "distribution_arn": DISTRIBUTION,
                "url": "https://images.example.com/cats",
            }
        }
    },
    "cdn other than cloudfront": {"cdn": {"existing": {"url": "https://images.example.com"}}},
    "bucket prefix counts for the bucket that is created": {
        "bucket_prefix": "acme",
        "existing_source_bucket": "photos",
    },
    "force destroy counts for the bucket that is created": {
        "existing_source_bucket": "photos",
        "force_destroy": True,
    },
    "abort multipart days counts for the bucket that is created": {
        "abort_multipart_days": 3,
        "existing_source_bucket": "photos",
    },
    "settings of the other bucket": {
        "existing_source_bucket": "photos",
        "processed_expiration_days": 30,
    },
    "version in the key with a manifest": {
        "key_template": "{directory}{stem}-{version}{extension}",
        "manifest": {},
    },
    "cache control with a manifest": {"cache_control": "max-age=60", "manifest": {}},
    "manifest with the extension": {
        "manifest": {"key_template": "manifests/{directory}{stem}{extension}.json"}
    },
    "manifest age of 0": {"manifest": {"max_age_seconds": 0}},
    "standard workflow waits longer for the function": {
        "timeout_seconds": 900,
        "workflow": {"type": "standard"},
    },
    "direct trigger without a review": {"workflow": {"direct_trigger": True}},
    "function that is stopped with a backfill": {"backfill": {}, "reserved_concurrency": 0},
    "concurrency may be reserved without a backfill": {"reserved_concurrency": 5},
    "monitoring as in the docs": {
        "monitoring": {
            "alarms": {
                "many_rejected": {"threshold": 50},
                "many_invocations": {"threshold": 1000000},
                "uploads_lost": None,
                "workflow_failing": {"enabled": False},
            },
            "budget_tag": "team",
            "emails": ["ops@example.com"],
            "monthly_budget": 25,
            "topic_arns": ["arn:aws:sns:eu-central-1:123456789012:pager"],
        },
        "tags": {"team": "photos"},
        "workflow": {},
    },
    "prefixes above and below the trigger": {
        "trigger_prefix": "photos/",
        "variants": {"face": {"prefixes": ["photos/faces/", "ph"], "width": 64}},
    },
    "height alone": {"variants": {"thumb": {"height": 320}}},
    "any text with a font": {
        "watermark": {"font": "tests/terraform/mocks/font.ttf", "text": "漢字"}
    },
}

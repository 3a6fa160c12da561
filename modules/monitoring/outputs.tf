output "alarm_arn" {
  description = "ARN of the composite alarm; null if no alarm is part of it"
  value       = one(aws_cloudwatch_composite_alarm.any[*].arn)
}

output "topic_arn" {
  description = "ARN of the topic that sends the e-mails; null without emails"
  value       = one(aws_sns_topic.alarms[*].arn)
}

output "dashboard_url" {
  description = "URL of the dashboard in the console"
  value       = "${local.console}/cloudwatch/home?region=${local.region}#dashboards/dashboard/${aws_cloudwatch_dashboard.pipeline.dashboard_name}"
}

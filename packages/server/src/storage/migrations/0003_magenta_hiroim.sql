CREATE INDEX `agents_by_age` ON `agents` (`created_at_ms`,`agent_id`);--> statement-breakpoint
CREATE INDEX `issues_by_age` ON `issues` (`updated_at_ms`,`project_id`,`issue_id`);
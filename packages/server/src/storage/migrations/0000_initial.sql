CREATE TABLE `agents` (
	`agent_id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`issue_id` text,
	`agent_type` text NOT NULL,
	`state` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`body` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `agents_by_project` ON `agents` (`project_id`,`created_at_ms`);--> statement-breakpoint
CREATE INDEX `agents_by_issue` ON `agents` (`project_id`,`issue_id`);--> statement-breakpoint
CREATE INDEX `agents_by_state` ON `agents` (`state`);--> statement-breakpoint
CREATE TABLE `consumers` (
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`agent_type` text,
	`agent_id` text,
	`interests` text NOT NULL,
	`ack_deadline_ms` integer NOT NULL,
	`max_deliveries` integer NOT NULL,
	`sequence` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_used_at_ms` integer,
	PRIMARY KEY(`project_id`, `name`)
);
--> statement-breakpoint
CREATE TABLE `dead_letters` (
	`id` integer PRIMARY KEY NOT NULL,
	`dead_letter_id` text NOT NULL,
	`project_id` text NOT NULL,
	`consumer` text NOT NULL,
	`agent_type` text,
	`sequence` integer NOT NULL,
	`reason` text NOT NULL,
	`detail` text,
	`attempts` integer NOT NULL,
	`history` text NOT NULL,
	`body` text NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `dead_letters_by_dead_letter_id` ON `dead_letters` (`dead_letter_id`);--> statement-breakpoint
CREATE INDEX `dead_letters_by_project` ON `dead_letters` (`project_id`,`id`);--> statement-breakpoint
CREATE INDEX `dead_letters_by_time` ON `dead_letters` (`created_at_ms`);--> statement-breakpoint
CREATE TABLE `deliveries` (
	`project_id` text NOT NULL,
	`consumer` text NOT NULL,
	`sequence` integer NOT NULL,
	`attempts` integer NOT NULL,
	`lease` text,
	`member` text,
	`due_at_ms` integer NOT NULL,
	`history` text NOT NULL,
	`body` text,
	`lost` text,
	PRIMARY KEY(`project_id`, `consumer`, `sequence`)
);
--> statement-breakpoint
CREATE INDEX `deliveries_by_due` ON `deliveries` (`project_id`,`consumer`,`due_at_ms`);--> statement-breakpoint
CREATE INDEX `deliveries_ending` ON `deliveries` (`due_at_ms`);--> statement-breakpoint
CREATE TABLE `events` (
	`id` integer PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`sequence` integer NOT NULL,
	`event_id` text NOT NULL,
	`event_type` text NOT NULL,
	`topic` text NOT NULL,
	`accepted_at_ms` integer NOT NULL,
	`expires_at_ms` integer NOT NULL,
	`body` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `events_by_position` ON `events` (`project_id`,`sequence`);--> statement-breakpoint
CREATE UNIQUE INDEX `events_by_event_id` ON `events` (`event_id`);--> statement-breakpoint
CREATE INDEX `events_by_type` ON `events` (`project_id`,`event_type`,`sequence`);--> statement-breakpoint
CREATE INDEX `events_by_expiry` ON `events` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `idempotency` (
	`caller` text NOT NULL,
	`procedure` text NOT NULL,
	`key` text NOT NULL,
	`request_hash` text NOT NULL,
	`answer` text NOT NULL,
	`expires_at_ms` integer NOT NULL,
	PRIMARY KEY(`caller`, `procedure`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_by_expiry` ON `idempotency` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `issues` (
	`project_id` text NOT NULL,
	`issue_id` text NOT NULL,
	`title` text NOT NULL,
	`body` text NOT NULL,
	`status` text NOT NULL,
	`workflow` text,
	`progress` text,
	`created_at_ms` integer NOT NULL,
	`updated_at_ms` integer NOT NULL,
	PRIMARY KEY(`project_id`, `issue_id`)
);
--> statement-breakpoint
CREATE INDEX `issues_by_id` ON `issues` (`issue_id`);--> statement-breakpoint
CREATE INDEX `issues_by_time` ON `issues` (`project_id`,`created_at_ms`);--> statement-breakpoint
CREATE TABLE `log_positions` (
	`project_id` text PRIMARY KEY NOT NULL,
	`trimmed_sequence` integer NOT NULL,
	`head_sequence` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `nonces` (
	`publisher` text NOT NULL,
	`nonce` text NOT NULL,
	`expires_at_ms` integer NOT NULL,
	PRIMARY KEY(`publisher`, `nonce`)
);
--> statement-breakpoint
CREATE INDEX `nonces_by_expiry` ON `nonces` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `projects` (
	`project_id` text PRIMARY KEY NOT NULL,
	`root` text NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `projects_root_unique` ON `projects` (`root`);--> statement-breakpoint
CREATE TABLE `results` (
	`result_id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`issue_id` text NOT NULL,
	`agent_id` text NOT NULL,
	`agent_type` text NOT NULL,
	`status` text NOT NULL,
	`body` text NOT NULL,
	`timestamp_ms` integer NOT NULL,
	`stored_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `results_by_issue` ON `results` (`project_id`,`issue_id`,`stored_at_ms`);--> statement-breakpoint
CREATE INDEX `results_by_time` ON `results` (`project_id`,`stored_at_ms`);--> statement-breakpoint
CREATE TABLE `store_meta` (
	`id` integer PRIMARY KEY NOT NULL,
	`epoch` text NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `tokens` (
	`jti` text PRIMARY KEY NOT NULL,
	`agent_id` text NOT NULL,
	`project_id` text NOT NULL,
	`expires_at_ms` integer NOT NULL,
	`revoked_at_ms` integer
);
--> statement-breakpoint
CREATE INDEX `tokens_by_agent` ON `tokens` (`agent_id`);--> statement-breakpoint
CREATE INDEX `tokens_by_expiry` ON `tokens` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `workflow_cursors` (
	`project_id` text PRIMARY KEY NOT NULL,
	`sequence` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `workflow_runs` (
	`project_id` text NOT NULL,
	`issue_id` text NOT NULL,
	`settled` integer NOT NULL,
	`updated_at_ms` integer NOT NULL,
	`body` text NOT NULL,
	PRIMARY KEY(`project_id`, `issue_id`)
);
--> statement-breakpoint
CREATE INDEX `workflow_runs_unsettled` ON `workflow_runs` (`project_id`,`settled`);
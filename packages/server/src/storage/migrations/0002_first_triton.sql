CREATE TABLE `pins` (
	`project_id` text NOT NULL,
	`kind` text NOT NULL,
	`id` text NOT NULL,
	`pinned_at_ms` integer NOT NULL,
	PRIMARY KEY(`project_id`, `kind`, `id`)
);
--> statement-breakpoint
CREATE INDEX `results_by_age` ON `results` (`stored_at_ms`,`result_id`);
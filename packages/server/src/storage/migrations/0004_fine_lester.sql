CREATE TABLE `dead_letter_events` (
	`project_id` text NOT NULL,
	`sequence` integer NOT NULL,
	`body` text NOT NULL,
	PRIMARY KEY(`project_id`, `sequence`)
);
--> statement-breakpoint
INSERT OR IGNORE INTO `dead_letter_events` (`project_id`, `sequence`, `body`) SELECT `project_id`, `sequence`, `body` FROM `dead_letters`;--> statement-breakpoint
CREATE INDEX `dead_letters_by_event` ON `dead_letters` (`project_id`,`sequence`);--> statement-breakpoint
ALTER TABLE `dead_letters` DROP COLUMN `body`;
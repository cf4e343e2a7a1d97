CREATE TABLE `audit` (
	`sequence` integer PRIMARY KEY NOT NULL,
	`at_ms` integer NOT NULL,
	`body` text NOT NULL,
	`hash` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_by_time` ON `audit` (`at_ms`);
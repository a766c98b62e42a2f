//! Every bound of the system, in one table, each with what happens when it is reached.
//!
//! `muster doctor --limits` prints [`TABLE`]. A bound that is not here does not exist.

/// One bound, as people read it.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The name, in lower case, units last.
    pub name: &'static str,
    /// The value, in the unit that ends the name.
    pub value: u64,
    /// What happens when it is reached.
    pub when_reached: &'static str,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $value:expr, $when:literal;)*) => {
        $($(#[$doc])* #[doc = concat!("\n\nWhen reached: ", $when, ".")] pub const $name: $kind = $value;)*

        /// Every limit, in the order of this file.
        pub const TABLE: &[Limit] = &[
            $(Limit { name: stringify!($name), value: $name as u64, when_reached: $when },)*
        ];
    };
}

limits! {
    /// Length of an agent id.
    AGENT_ID_BYTES_MAX: usize = 40, "the id is refused";
    /// Size of a request's body on the wire, checked before its signature.
    REQUEST_BYTES_MAX: usize = 524_288, "the request is refused before its signature is looked at";
    /// Size of a certificate on the wire.
    CERTIFICATE_BYTES_MAX: usize = 4_096, "the request is refused";
    /// Nesting of any MessagePack that is decoded.
    WIRE_DEPTH_MAX: usize = 32, "the message is refused";
    /// Size of any result message.
    RESULT_BYTES_MAX: usize = 1_048_576, "the message goes to results.dead";
    /// Length of a target expression.
    TARGET_BYTES_MAX: usize = 8_192, "the expression is refused";
    /// Nesting of parentheses and `not` in a target expression.
    TARGET_DEPTH_MAX: usize = 32, "the expression is refused";
    /// Agents that a request may name one by one on their directed queues.
    DIRECTED_AGENTS_MAX: usize = 64, "the request goes to the stream instead";
    /// Longest validity of a request.
    VALIDITY_MS_MAX: i64 = 30 * 86_400_000, "the request is refused";
    /// How wrong an agent's clock may be.
    CLOCK_SKEW_MS_MAX: i64 = 300_000, "requests are declined as expired or not yet valid";
    /// How long a request id is remembered.
    SEEN_MS_MAX: i64 = 60 * 86_400_000, "the id is forgotten; its request expired long before";
    /// Longest pause of a hunt or profile on one agent.
    PAUSED_MS_MAX: i64 = 30 * 86_400_000, "it ends as cancelled: paused too long";
    /// How far a revision may lie ahead of the clock, in milliseconds since 1970: one that nobody could go beyond would end every pause and resume.
    REVISION_AHEAD_MS_MAX: i64 = 86_400_000, "the control is refused, by the coordinator and before by the CLI; a cancel works at any revision";
    /// Controls of one hunt that its view lists.
    CONTROLS_SHOWN_MAX: usize = 50, "the oldest are left out; the audit log has them";
    /// Agents that the view of a hunt names of those that have not applied its newest control.
    APPLIED_WAITING_MAX: usize = 20, "the others are only counted; hunts/{id}/agents?applied=0 lists them";
    /// Length of the name of a hunt.
    NOTE_NAME_BYTES_MAX: usize = 200, "the note is refused";
    /// Length of the id of the case that a hunt belongs to.
    NOTE_CASE_BYTES_MAX: usize = 200, "the note is refused";
    /// Length of the text of a note.
    NOTE_TEXT_BYTES_MAX: usize = 4_096, "the note is refused";
    /// Notes of one hunt that the coordinator keeps.
    NOTES_OF_HUNT_MAX: usize = 1_000, "further ones are refused";
    /// Roots of one hunt.
    ROOTS_MAX: usize = 256, "the request is refused";
    /// Include and exclude patterns of one hunt.
    GLOBS_MAX: usize = 256, "the request is refused";
    /// Digests that one hunt carries in its list of hashes, all kinds together: 15,360 whole SHA-256, or 30,720 of any kind cut to 16 bytes.
    IOC_BYTES_MAX: usize = 491_520, "digests are cut to their first 16 bytes; a list that is still longer travels in parts";
    /// Parts of the list of one hunt; a million digests of one kind are 17.
    LIST_PARTS_MAX: usize = 32, "the request is refused";
    /// Pieces of the whole digests of the list of one hunt, of at most `ioc_bytes_max` each.
    LIST_PIECES_MAX: usize = 160, "the request is refused";
    /// What an agent keeps of parts of lists.
    LIST_PARTS_BYTES_MAX: u64 = 67_108_864, "the oldest part that no hunt of this agent names goes; its own hunt is declined: list_missing";
    /// How long a hunt waits for parts of its list.
    LIST_WAIT_MS_MAX: i64 = 60_000, "the hunt is declined: list_missing";
    /// The coordinator looks so often for what is no longer needed of lists.
    LIST_GC_MS: u64 = 60_000, "not a bound: the rhythm";
    /// Parts of lists that the coordinator lets go at a time.
    LIST_GC_PARTS_MAX: usize = 64, "the others go next time";
    /// How long the coordinator keeps a piece of whole digests that no hunt names.
    LIST_UNNAMED_MS_MAX: i64 = 86_400_000, "the piece goes; launch the sealed file again";
    /// Such pieces that go at a time.
    LIST_GC_PIECES_MAX: usize = 1_024, "the others go next time";
    /// Size of a sealed request in a file.
    SEALED_BYTES_MAX: usize = 589_824, "the file is refused";
    /// Size of a sealed hunt with its list in a file.
    BUNDLE_BYTES_MAX: usize = 134_217_728, "the file is refused";
    /// Hashes that are read from the files of one `--ioc`.
    IOC_HASHES_MAX: usize = 1_000_000, "the command line is refused: exit 64";
    /// Length of a line in such a file.
    IOC_LINE_BYTES_MAX: usize = 65_536, "the command line is refused: exit 64";
    /// Size of a file with one secret: a password, a token.
    SECRET_BYTES_MAX: usize = 4_096, "the file is refused: exit 64";
    /// What a request with a list of hashes may weigh, times its agents, before the operator is asked.
    IOC_FANOUT_BYTES_ASKED: u64 = 1_000_000_000, "a question on a terminal; elsewhere refused without --yes";
    /// Links that were followed on the way to one folder.
    LINKS_ON_THE_WAY_MAX: usize = 40, "the link is a row with ELOOP and is not followed";
    /// How long the folders of a policy file count as resolved: they may name links.
    POLICY_RESOLVED_MS_MAX: u64 = 1_000, "they are resolved again";
    /// Inodes of denied folders that a collection remembers, to know them when they were renamed.
    POLICY_INODES_MAX: usize = 1_024, "only the present ones are known";
    /// Owners and groups that one hunt may name.
    ACCOUNTS_MAX: usize = 256, "the request is refused";
    /// Length of the name of an owner or group.
    ACCOUNT_BYTES_MAX: usize = 256, "the request is refused";
    /// What an agent reads of its `/etc/passwd` and `/etc/group`.
    ACCOUNTS_FILE_BYTES_MAX: u64 = 16_777_216, "names behind it are not known: the collection fails with no_account";
    /// Length of a path, root or pattern.
    PATH_BYTES_MAX: usize = 4_096, "the request is refused";
    /// Length of a path in a tree: the kernel's own bound holds for one call, not for a tree.
    TREE_PATH_BYTES_MAX: usize = 32_768, "the entry is a row with ENAMETOOLONG, and a folder is not entered";
    /// Files with several names of which a collection knows the digests, until it has met all their names.
    HARD_LINKED_FILES_MAX: usize = 100_000, "further files are hashed under each of their names";
    /// What the cache of digests of one agent may take on disk; about a million files of one digest.
    HASH_CACHE_BYTES_MAX: u64 = 134_217_728, "some of it is forgotten, in turn, and will be read again";
    /// One in so many of the files that the cache knows is read all the same.
    HASH_CACHE_RECHECK_ONE_IN: u64 = 1_000, "not a bound: the share; what disagrees is a row with cache_mismatch";
    /// A file that changed later than so long before it was read may change again without its times showing it.
    HASH_CACHE_AGE_NS_MIN: i64 = 2_000_000_000, "its digests are not kept";
    /// Files that one thread has hashed and that the cache has not been given.
    HASH_CACHE_BATCH_ROWS_MAX: usize = 512, "they are written, in one transaction";
    /// Size of such files.
    HASH_CACHE_BATCH_BYTES_MAX: u64 = 67_108_864, "they are written, in one transaction";
    /// A hunt of which nothing has moved for so long, though no limit keeps it.
    STUCK_MS_MAX: u64 = 300_000, "the hunt fails: stuck";
    /// A hunt that could not open anything for so long, because the process has no descriptor left.
    DESCRIPTORS_WAIT_MS_MAX: u64 = 10_000, "the hunt fails: no_descriptors";
    /// With fewer free descriptors than this a hunt opens one file at a time and thread.
    DESCRIPTORS_SCARCE: u64 = 512, "it is slower on files that are not in memory";
    /// Hunts that were given up because their threads do not come back from the kernel, until they do.
    STUCK_HUNTS_MAX: u64 = 4, "further hunts are declined: stuck, until the agent is started again";
    /// A hunt that an agent was asked for directly reports how far it is after so long.
    PROGRESS_FIRST_MS: u64 = 1_000, "not a bound: the rhythm; others report by telemetry";
    /// It reports again so often.
    PROGRESS_EVERY_MS: u64 = 3_000, "not a bound: the rhythm; of a run one report waits in the outbox, the newest";
    /// Hunts that run at once on an agent.
    HUNT_LANES: usize = 2, "further hunts wait in the journal, state queued";
    /// Profiles that run at once on an agent.
    PROFILE_LANES: usize = 20, "further profiles wait in the journal, state queued";
    /// Requests that an agent holds without having finished them.
    QUEUED_REQUESTS_MAX: usize = 1_000, "declined: too many requests wait";
    /// Payload of a row chunk before compression.
    ROW_CHUNK_BYTES_MAX: usize = 262_144, "the chunk is cut";
    /// Rows of one chunk.
    ROW_CHUNK_ROWS_MAX: usize = 8_192, "the chunk is cut";
    /// Age at which a chunk that is not full is cut.
    ROW_CHUNK_AGE_MS_MAX: u64 = 1_000, "the chunk is cut";
    /// The same of the first chunk of a run: a run that has committed is not one that the agent died on.
    FIRST_CHUNK_AGE_MS_MAX: u64 = 100, "the chunk is cut";
    /// What a row chunk may unpack to.
    ROW_CHUNK_UNPACKED_BYTES_MAX: usize = 4_194_304, "the chunk goes to results.dead";
    /// Payload of a blob chunk.
    BLOB_CHUNK_BYTES_MAX: usize = 262_144, "the blob continues in the next chunk";
    /// Size of one blob.
    BLOB_BYTES_MAX: u64 = 67_108_864, "the blob is cut and marked partial";
    /// Blobs of one attempt.
    BLOBS_MAX: u32 = 100_000, "further files of a hunt are not sent: no_room; from an endpoint: the chunk goes to results.dead";
    /// Blobs that the coordinator puts together at once.
    BLOB_ASSEMBLIES_MAX: usize = 4, "the next one waits, its last chunk unacked";
    /// Chunks of a store of before version 6 that one step looks at for pieces of blobs that are put together.
    PIECE_SWEEP_ROWS_MAX: u64 = 2_000, "the others are the next step's";
    /// Bytes of such pieces that one step deletes.
    PIECE_SWEEP_BYTES_MAX: u64 = 8_388_608, "the others are the next step's";
    /// Pause between two steps.
    PIECE_SWEEP_PAUSE_MS: u64 = 100, "not a bound: the pause";
    /// Pause after a step that failed.
    PIECE_SWEEP_RETRY_MS: u64 = 60_000, "not a bound: the pause";
    /// Bytes of the files that one collection sends.
    UPLOAD_BYTES_MAX: u64 = 1_073_741_824, "the request is refused";
    /// How long files that match are still sent when their collection had to stop.
    UPLOAD_AT_END_MS_MAX: u64 = 2_000, "the others are counted as not uploaded: ended";
    /// Chunks that an agent has published and that are not confirmed.
    CHUNKS_IN_FLIGHT_MAX: usize = 4, "the next chunk waits in the journal";
    /// What an agent's outbox may hold on disk.
    OUTBOX_BYTES_MAX: u64 = 67_108_864, "the collection waits and reports throttled_ms";
    /// Sequence numbers of one attempt.
    SEQ_MAX: u64 = 10_000_000, "the chunk goes to results.dead";
    /// Seconds of one profile.
    PROFILE_SECONDS_MAX: u32 = 600, "the request is refused";
    /// How long a profile that is to be taken of a hunt waits for the hunt to begin on an agent.
    PROFILE_AWAITS_S_MAX: u64 = 3_600, "the profile fails: no_hunt";
    /// Stalls of one collection that its agent profiles by itself.
    STALL_PROFILES_MAX: u32 = 3, "further stalls are not profiled";
    /// Length of such a profile.
    STALL_SECONDS: u32 = 5, "not a bound: the length";
    /// Samples a second and thread.
    PROFILE_HERTZ_MAX: u32 = 250, "the request is refused";
    /// Threads times samples a second of a wall-clock profile.
    PROFILE_WALL_LOOKS_PER_S_MAX: u64 = 25_000, "the profile fails with fewer hertz as the way out; threads that come later make every look rarer";
    /// Threads of which a file stays open while a wall-clock profile is taken.
    PROFILE_WALL_OPEN_THREADS_MAX: usize = 64, "threads whose two files in `/proc` stay open; those of others are opened for each look";
    /// How long the end of a wall-clock profile waits for threads that are asked where they are.
    PROFILE_ANSWER_MS_MAX: u64 = 20, "their time counts where they were last, and is marked as unanswered";
    /// Frames of one stack.
    PROFILE_FRAMES_MAX: usize = 96, "the root end of the stack is cut off";
    /// Samples that the ring holds between two sweeps.
    PROFILE_RING_SAMPLES: usize = 4_096, "samples are lost and counted in the footer";
    /// Mean distance in bytes of the allocations that a profile of memory samples.
    PROFILE_HEAP_SAMPLE_BYTES: usize = 131_072, "not a bound: each byte is as likely as any other to be sampled";
    /// Sampled allocations that are not freed.
    PROFILE_HEAP_LIVE_MAX: usize = 16_384, "further samples are lost and counted in the footer until some are freed";
    /// Sampled allocations between two sweeps.
    PROFILE_HEAP_FRESH_MAX: usize = 4_096, "samples are lost and counted in the footer";
    /// Different stacks of one profile.
    PROFILE_STACKS_MAX: usize = 65_536, "samples of further stacks are lost and counted in the footer";
    /// What the gzip of a profile may unpack to.
    PROFILE_UNPACKED_BYTES_MAX: usize = 33_554_432, "the profile is refused";
    /// Size of one sample in a profile from an endpoint.
    PROFILE_SAMPLE_BYTES_MAX: usize = 2_048, "the profile is refused";
    /// Locations of a profile from an endpoint.
    PROFILE_LOCATIONS_MAX: usize = 262_144, "the profile is refused";
    /// Mappings of one profile.
    PROFILE_MAPPINGS_MAX: usize = 4_096, "further mappings are left out; from an endpoint: the profile is refused";
    /// Text of a label in a profile from an endpoint.
    PROFILE_LABEL_BYTES_MAX: usize = 256, "the profile is refused";
    /// Names and files of all places of a profile, once they are known, inlined functions included.
    PROFILE_NAMED_BYTES_MAX: usize = 67_108_864, "the view is refused";
    /// Frames of all stacks of a profile, or of many as one, inlined functions included.
    PROFILE_STEPS_MAX: usize = 4_000_000, "the view is refused";
    /// Views of profiles that are made at once.
    PROFILE_VIEWS_MAX: usize = 2, "the next view waits";
    /// Values of a sample in a profile from an endpoint.
    PROFILE_VALUES_MAX: usize = 4, "the profile is refused";
    /// Strings of a profile from an endpoint.
    PROFILE_STRINGS_MAX: usize = 65_536, "the profile is refused";
    /// Profiles that one view may be made of.
    PROFILE_MERGE_MAX: usize = 256, "the view is refused";
    /// Rows of a list of functions, lines, files, or changes.
    PROFILE_ROWS_MAX: usize = 200, "the cheapest are left out";
    /// Rows of a call tree.
    PROFILE_TREE_ROWS_MAX: usize = 10_000, "further calls are counted as left out";
    /// Source lines of one profile.
    PROFILE_LINES_MAX: usize = 100_000, "the cheapest are left out";
    /// The smallest frame that a flame graph draws by itself, in millionths of the whole.
    PROFILE_FLAME_SMALLEST_PPM: u64 = 100, "smaller frames of one caller are put together as one";
    /// Frames of a flame graph.
    PROFILE_FLAME_FRAMES_MAX: usize = 20_000, "the smallest frame is made larger until they fit";
    /// Sums by frame, thread, hunt and agent in a flame graph.
    PROFILE_FLAME_CELLS_MAX: usize = 200_000, "agents are not told apart";
    /// Files of a folder of sources.
    SOURCE_FILES_MAX: usize = 200_000, "the command fails: exit 64";
    /// Size of a source file that is shown.
    SOURCE_BYTES_MAX: u64 = 16_777_216, "the rest of the file is not shown";
    /// Threads of a process that a list of its tasks shows.
    PROFILE_TASKS_THREADS_MAX: usize = 1_024, "further threads are counted as left out";
    /// What is kept of the log for a profile of kind `logs`.
    LOG_RING_BYTES_MAX: usize = 131_072, "the oldest lines are forgotten and counted";
    /// Length of a line in it.
    LOG_RING_LINE_BYTES_MAX: usize = 2_048, "the line is cut there; stderr has it whole";
    /// Time between two sweeps of the sample ring and searches for new threads.
    PROFILE_SWEEP_MS: u64 = 50, "not a bound: the rhythm while a profile is taken";
    /// Time between two telemetry samples.
    TELEMETRY_INTERVAL_MS: u64 = 10_000, "not a bound: the rhythm";
    /// How often an agent reports its policy, beside the first sample after a connect.
    POLICY_INTERVAL_MS: u64 = 600_000, "not a bound: the rhythm";
    /// Folders of each kind that an agent reports of its policy.
    POLICY_FOLDERS_MAX: usize = 32, "the first are named, all are counted";
    /// Directed request ids that telemetry repeats.
    TELEMETRY_DIRECTED_IDS_MAX: usize = 64, "the oldest is left out";
    /// Waiting requests that one sample names.
    TELEMETRY_WAITING_MAX: usize = 64, "the last are left out; the coordinator concludes nothing from their absence";
    /// Two samples of one agent that are closer to each other are one point of its curve.
    TELEMETRY_SPACING_MS: i64 = 1_000, "the later one is still a receipt and the latest figure, but no point of the curve";
    /// A sample whose own time is so far from the coordinator's clock has waited at the broker, or its clock is wrong.
    TELEMETRY_LATE_MS_MAX: i64 = 900_000, "the sample is placed where it arrived";
    /// A figure of a sample, as the curve keeps it.
    TELEMETRY_FIGURE_MAX: u64 = 1 << 50, "the curve shows this value";
    /// Every sample of a curve is kept for so long.
    TELEMETRY_RAW_MS_MAX: i64 = 2 * 3_600_000, "the sample goes; its minute stays";
    /// Minutes of a curve are kept for so long.
    TELEMETRY_MINUTES_MS_MAX: i64 = 2 * 86_400_000, "the minute goes; its hour stays";
    /// Hours of a curve are kept for so long.
    TELEMETRY_HOURS_MS_MAX: i64 = 90 * 86_400_000, "the hour goes, and with the last one everything of an agent's curve";
    /// Time between two condensations of the samples that have become old enough.
    TELEMETRY_CONDENSE_MS: u64 = 60_000, "not a bound: the rhythm";
    /// Hunts and profiles that one curve marks.
    TELEMETRY_MARKS_MAX: usize = 200, "the oldest are left out, and the answer says how many";
    /// Agents that `/metrics` may be told to show one by one (`[metrics] agents` in coordinator.toml).
    METRICS_AGENTS_MAX: usize = 10_000, "the configuration is refused; of a bigger fleet the first by id are shown, and how many are not";
    /// An agent has read a broadcast and not taken it up when its samples have known nothing of it for so long.
    NOT_MATCHED_MS_MIN: i64 = 10_000, "the agent is shown as declined: not_matched; an answer that comes later counts";
    /// Size of the chunks that one store transaction takes.
    STORE_GROUP_CHUNKS_MAX: usize = 100, "the transaction is committed";
    /// Age at which a store transaction is committed.
    STORE_GROUP_AGE_MS_MAX: u64 = 250, "the transaction is committed";
    /// Size of a message with a status.
    STATUS_MESSAGE_BYTES_MAX: u64 = 262_144, "the message goes to results.dead, with its beginning";
    /// Size of a message with a row chunk.
    ROWS_MESSAGE_BYTES_MAX: u64 = 524_288, "the message goes to results.dead, with its beginning";
    /// Size of a message with a blob chunk.
    BLOBS_MESSAGE_BYTES_MAX: u64 = 278_528, "the message goes to results.dead, with its beginning";
    /// Size of a message with a self-sample.
    TELEMETRY_MESSAGE_BYTES_MAX: u64 = 262_144, "the message goes to results.dead, with its beginning";
    /// Statuses that the broker may push before they are settled. Of all classes together, messages of the largest size are at most `result_unsettled_bytes_max`.
    STATUS_PREFETCH: u16 = 96, "the broker waits";
    /// Row chunks that the broker may push before they are settled.
    ROWS_PREFETCH: u16 = 64, "the broker waits";
    /// Blob chunks that the broker may push before they are settled.
    BLOBS_PREFETCH: u16 = 64, "the broker waits";
    /// Self-samples that the broker may push before they are settled.
    TELEMETRY_PREFETCH: u16 = 80, "the broker waits";
    /// Results that the coordinator holds before they are settled.
    RESULT_UNSETTLED_BYTES_MAX: u64 = 128_000_000, "not reached: the prefetch of each class and of what was set aside times the largest message is less";
    /// Refused results that are moved to the dead letters together.
    DEAD_BATCH_MESSAGES_MAX: usize = 64, "the batch is published, counted and acked";
    /// Size of such a batch.
    DEAD_BATCH_BYTES_MAX: usize = 4_194_304, "the batch is published, counted and acked";
    /// Age of such a batch.
    DEAD_BATCH_AGE_MS_MAX: u64 = 50, "the batch is published, counted and acked";
    /// Dead letters of one agent that are kept with their bytes, an hour; those that name no agent together count as one.
    DEAD_KEPT_MESSAGES_MAX: u64 = 1_000, "further ones of the hour are counted, acked and not kept";
    /// Size of the same.
    DEAD_KEPT_BYTES_MAX: u64 = 8_388_608, "further ones of the hour are counted, acked and not kept";
    /// What an agent has reported of itself and targets ask for: so many different reports of one agent are remembered.
    FACTS_PER_AGENT_MAX: u64 = 16, "the oldest is forgotten";
    /// Size of one such report.
    FACTS_BYTES_MAX: usize = 65_536, "the report is not remembered";
    /// How long a result waits for a sample of its agent that makes the request's target match.
    TARGET_WAIT_MS_MAX: u64 = 30_000, "the result is refused: not_targeted";
    /// Time between two looks at the results that wait so.
    TARGET_LOOK_MS: u64 = 500, "not a bound: the rhythm";
    /// Results of one class that wait so.
    TARGET_WAITING_MAX: usize = 32, "further ones are set aside";
    /// The same of one agent.
    TARGET_WAITING_PER_AGENT_MAX: usize = 16, "further ones are set aside";
    /// Verdicts on which agent may answer which request that one class remembers.
    TARGET_VERDICTS_MAX: usize = 10_000, "all are forgotten and made again";
    /// Results of one agent that ingest takes a second.
    SHARE_MESSAGES_PER_S: u64 = 2_000, "its further results are set aside in a queue of its own, and taken back later";
    /// The same at once, after a pause.
    SHARE_BURST_MESSAGES: u64 = 10_000, "its further results are set aside in a queue of its own, and taken back later";
    /// Their size a second.
    SHARE_BYTES_PER_S: u64 = 200_000_000, "its further results are set aside in a queue of its own, and taken back later";
    /// The same at once, after a pause.
    SHARE_BURST_BYTES: u64 = 1_000_000_000, "its further results are set aside in a queue of its own, and taken back later";
    /// Results of one class that are set aside together.
    HELD_BATCH_MESSAGES_MAX: usize = 64, "the batch is published and acked";
    /// Size of such a batch.
    HELD_BATCH_BYTES_MAX: usize = 4_194_304, "the batch is published and acked";
    /// Age of such a batch.
    HELD_BATCH_AGE_MS_MAX: u64 = 50, "the batch is published and acked";
    /// Size of the queue of one agent's results that were set aside: as much as all result queues together.
    HELD_QUEUE_BYTES_MAX: u64 = 4 * 4_294_967_296, "its further results stay unacked, and may keep others waiting";
    /// Results that were set aside are taken back when none was added for so long.
    HELD_MS_MIN: u64 = 3_000, "not a bound: the pause";
    /// Deliveries that the broker may push before they are settled, a queue of results that were set aside.
    HELD_PREFETCH: u16 = 50, "the broker waits";
    /// Results of one agent that are taken back a second: half its share, so that it can go on sending.
    HELD_TAKEN_BACK_PER_S_MAX: u64 = 1_000, "the next ones wait";
    /// Time for which one agent's results are taken back at a stretch.
    HELD_TURN_MS_MAX: u64 = 10_000, "the next agent has its turn";
    /// Pause before what was set aside is looked at, or a failed move is tried again.
    HELD_RETRY_MS: u64 = 2_000, "not a bound: the pause";
    /// Dead letters of one agent in a minute.
    QUARANTINE_DEAD_LETTERS_PER_MINUTE: u64 = 1_000, "the agent is quarantined";
    /// Reason of a quarantine.
    QUARANTINE_REASON_BYTES_MAX: usize = 500, "the request is refused";
    /// Pause before the broker is asked again to shut an agent out.
    QUARANTINE_RETRY_MS: u64 = 5_000, "not a bound: the pause";
    /// Deliveries that the broker may push before they are settled, an agent's queue.
    REQUEST_PREFETCH: u16 = 16, "the broker waits";
    /// Nesting of the headers of a delivery; the client library's parser recurses without a bound.
    AMQP_HEADER_DEPTH_MAX: usize = 8, "results: results.dead as nested_headers; requests: acked and counted as unreadable";
    /// Headers of a delivery, nested ones included.
    AMQP_HEADER_VALUES_MAX: usize = 64, "results: results.dead as headers_too_big; requests: acked and counted as unreadable";
    /// Size of the properties of a delivery, headers included.
    AMQP_HEADER_BYTES_MAX: u64 = 8_192, "results: results.dead as headers_too_big; requests: acked and counted as unreadable";
    /// What is held of one frame with properties while it is looked at.
    AMQP_HEADER_HELD_BYTES_MAX: usize = 262_144, "the rest of the frame is dropped as it comes, with the offset in a stream if that is in it";
    /// Size of a delivery's body where its class has no smaller bound.
    AMQP_BODY_BYTES_MAX: u64 = 1_048_576, "amqp_body_cut_bytes of it are kept; requests: acked and counted as unreadable";
    /// What is kept of a body that is over its bound.
    AMQP_BODY_CUT_BYTES: u64 = 4_096, "the rest is dropped as it comes";
    /// What is kept of the properties of a delivery that the client library must not see.
    AMQP_DEFECT_BYTES_MAX: usize = 1_024, "the rest is dropped";
    /// Any single wait for the broker: connect, publish, confirm, ack.
    BROKER_WAIT_MS_MAX: u64 = 20_000, "the connection is dropped and made again";
    /// The same wait while the broker says that it blocks publishers (memory or disk alarm).
    BROKER_BLOCKED_MS_MAX: u64 = 600_000, "the connection is dropped and made again";
    /// Publishes that are open at once on one connection, each on a channel of its own.
    PUBLISH_CHANNELS_MAX: usize = 4, "the next publish waits for one of them";
    /// Any single call of RabbitMQ's management API.
    MANAGEMENT_WAIT_MS_MAX: u64 = 60_000, "the command fails: exit 69";
    /// Body of an answer of the management API.
    MANAGEMENT_BODY_BYTES_MAX: u64 = 16_777_216, "the command fails: exit 69";
    /// Agents of one import of definitions.
    ENROL_BATCH_AGENTS: usize = 500, "the next agents go into the next import";
    /// Longest pause before the first try to connect to the broker again.
    RECONNECT_MS_FIRST: u64 = 10_000, "not a bound: it doubles";
    /// Longest pause between two tries to connect.
    RECONNECT_MS_MAX: u64 = 60_000, "not a bound: the ceiling of the backoff";
    /// Pause before a result that the broker did not take is published again.
    PUBLISH_RETRY_MS_FIRST: u64 = 500, "not a bound: it doubles";
    /// The longest such pause.
    PUBLISH_RETRY_MS_MAX: u64 = 30_000, "not a bound: the ceiling of the backoff";
    /// Pause before an agent tries its journal again.
    JOURNAL_RETRY_MS: u64 = 1_000, "not a bound: the pause";
    /// Pause before the coordinator tries its store again.
    STORE_RETRY_MS: u64 = 1_000, "not a bound: the pause";
    /// Pause before a stream that was not found is asked for again.
    STREAM_RETRY_MS: u64 = 1_000, "not a bound: the pause";
    /// Pause between two looks for requests that are owed to the broker.
    OWED_RETRY_MS: u64 = 5_000, "not a bound: the rhythm";
    /// Pause of the command line before it asks a coordinator again.
    COORDINATOR_RETRY_MS: u64 = 1_000, "not a bound: the pause; after a minute without an answer it gives up";
    /// An agent is silent when nothing came from it for so long.
    SILENT_MS_MAX: i64 = 45_000, "the agent is shown as silent";
    /// An agent that was enrolled may wait so long for its first start.
    NEVER_HEARD_MS_MAX: i64 = 3_600_000, "`doctor` names it under `never_heard`";
    /// A collection that ended is `finishing` for so long while chunks are missing.
    FINISHING_MS_MAX: i64 = 3_600_000, "the collection is incomplete";
    /// Instances (starts of the process) that the coordinator remembers of each agent.
    INSTANCES_MAX: usize = 8, "the one that was not heard of for longest is forgotten";
    /// Clones and journals that were set back that the coordinator remembers of each agent.
    IDENTITY_FAULTS_MAX: usize = 16, "the oldest is forgotten";
    /// A sample of an instance that has ended may arrive so long after the first one of the next.
    INSTANCE_LATE_MS_MAX: i64 = 300_000, "the two instances are a clone, also where their clocks cannot be compared";
    /// A clone is shown so long after both instances were last heard of.
    CLONE_SHOWN_MS_MAX: i64 = 60_000, "`doctor` and `agents` drop the verdict; hunts of the time keep it";
    /// Text of a reason, message or name from an endpoint.
    TEXT_BYTES_MAX: usize = 1_024, "the text is cut";
    /// Entries that one map or list of a status or sample names.
    RESULT_ENTRIES_MAX: usize = 64, "an agent sums the others under `more`; what comes with more goes to results.dead";
    /// Length of a name in such a map or list.
    RESULT_NAME_BYTES_MAX: usize = 512, "an agent cuts the name; what comes longer goes to results.dead";
    /// Length of a path in a status or sample.
    RESULT_PATH_BYTES_MAX: usize = 4_096, "an agent cuts the path; what comes longer goes to results.dead";
    /// Arguments of a control.
    CONTROL_ARGS_BYTES_MAX: usize = 65_536, "the control is refused";
    /// The footer of an artifact, in a final status.
    FOOTER_BYTES_MAX: usize = 524_288, "an agent cuts its maps; what comes longer goes to results.dead";
    /// A cursor of a collection, in the agent's journal.
    CURSOR_BYTES_MAX: usize = 4_194_304, "the collection fails";
    /// Collections that one sample names, waiting and running.
    TELEMETRY_COLLECTIONS_MAX: usize = 96, "the sample goes to results.dead";
    /// A row chunk as it travels, after compression.
    ROW_CHUNK_PACKED_BYTES_MAX: usize = 393_216, "the chunk goes to results.dead and its attempt fails: rejected";
    /// Attempts of one agent at one request.
    ATTEMPTS_MAX: usize = 16, "results of further attempts go to results.dead";
    /// Chunks of one attempt that contradict stored ones, as they are recorded.
    CONFLICTS_MAX: usize = 16, "further ones are not recorded; the attempt has failed";
    /// Journals of one agent whose last sample is kept.
    JOURNALS_HEARD_MAX: usize = 8, "the one that was not heard for the longest time is forgotten";
    /// Chunks of one agent's answer to one request, all attempts together.
    COLLECTION_BYTES_MAX: u64 = 8 << 30, "the attempt fails: quota; what is stored stays, further chunks are acked and counted";
    /// Chunks of one agent that are stored on one day, in UTC.
    AGENT_BYTES_PER_DAY_MAX: u64 = 32 << 30, "the attempt fails: quota; what is stored stays, further chunks are acked and counted";
    /// What a chunk costs the store beside its bytes; it counts against both.
    CHUNK_BYTES_EXTRA: u64 = 512, "not a bound: the charge";
    /// Days for which the bytes of an agent are remembered.
    USAGE_DAYS_MAX: i64 = 7, "the day is forgotten";
    /// Unreadable records that the coordinator names.
    UNREADABLE_NAMED_MAX: usize = 1_000, "further ones are left out of the count, which says so";
    /// Tries of a write that fails for a cause that is not known, while others succeed.
    STORE_TRIES_MAX: usize = 3, "the write is set aside: results go to results.dead";
    /// The handshake of a connection to the API over TLS.
    TLS_HANDSHAKE_MS_MAX: u64 = 10_000, "the connection is closed";
    /// Connections to the API that are open at once, also at most a quarter of the descriptors that the process may have.
    HTTP_CONNECTIONS_MAX: usize = 512, "the oldest one without a token is closed, else the oldest";
    /// Those from one address that is not loopback.
    HTTP_CONNECTIONS_PER_PEER_MAX: usize = 64, "the oldest of that address is closed";
    /// How long the header of a request may take, and a connection be idle between two requests.
    HTTP_HEADER_MS_MAX: u64 = 20_000, "the connection is closed";
    /// What is held of a request before its handler reads it: headers included.
    HTTP_BUFFER_BYTES_MAX: usize = 65_536, "431, and the connection is closed";
    /// How long the code in the address that `muster console` prints works.
    CONSOLE_CODE_MS_MAX: u64 = 300_000, "401; Enter on its terminal prints a new address";
    /// Sessions of one `muster console`: browsers that have exchanged a code; of a coordinator that hosts the console: of one token.
    CONSOLE_SESSIONS_MAX: usize = 16, "the oldest session is over";
    /// How long a session without a request is open.
    CONSOLE_SESSION_IDLE_MS_MAX: u64 = 43_200_000, "401: a new code is needed, or the token again";
    /// How long a session is open at all.
    CONSOLE_SESSION_MS_MAX: u64 = 86_400_000, "401: a new code is needed, or the token again";
    /// Wrong codes or tokens, and wrong secrets, that are looked at within a minute; where the console is hosted, of one address.
    CONSOLE_GUESSES_MAX: usize = 10, "429 for a minute; sessions that are open go on";
    /// Addresses whose wrong guesses are counted where the console is hosted.
    CONSOLE_GUESSERS_MAX: usize = 256, "the oldest guesses are forgotten";
    /// Connections of browsers to one `muster console`.
    CONSOLE_CONNECTIONS_MAX: usize = 128, "the next one waits to be accepted";
    /// Requests of pages that `muster console` has open at the coordinator.
    CONSOLE_STREAMS_MAX: usize = 64, "503";
    /// Body of a request to `muster console`, but for lists of hashes and files of symbols.
    CONSOLE_BODY_BYTES_MAX: usize = 2_097_152, "413";
    /// Document of the coordinator that `muster console` itself reads; what it passes on streams.
    CONSOLE_DOCUMENT_BYTES_MAX: u64 = 16_777_216, "502: the answer is too large";
    /// Size of a list of hashes that a page sends.
    CONSOLE_LIST_BYTES_MAX: u64 = 134_217_728, "413";
    /// Such lists that are kept.
    CONSOLE_LISTS_MAX: usize = 8, "the oldest one goes";
    /// How long a list is kept.
    CONSOLE_LIST_MS_MAX: u64 = 3_600_000, "404: send it again";
    /// Drafts that are kept.
    CONSOLE_DRAFTS_MAX: usize = 64, "the oldest one goes";
    /// What they weigh together.
    CONSOLE_DRAFTS_BYTES_MAX: usize = 134_217_728, "the oldest ones go; one alone may weigh more";
    /// How long a draft can be launched.
    CONSOLE_DRAFT_MS_MAX: u64 = 900_000, "404: make it again";
    /// How long a launch waits for Enter on the terminal (`--confirm terminal`).
    CONSOLE_CONFIRM_MS_MAX: u64 = 300_000, "504, and nothing is signed";
    /// Downloads that are prepared.
    CONSOLE_DOWNLOADS_MAX: usize = 64, "the oldest one goes";
    /// How long a prepared download works.
    CONSOLE_DOWNLOAD_MS_MAX: u64 = 60_000, "404: ask for it again";
    /// Size of a file of a form (`--draft FILE`).
    DRAFT_FILE_BYTES_MAX: u64 = 2_097_152, "the file is refused: exit 64";
    /// Size of one program, or its debug companion, that is added to the symbols.
    SYMBOLS_FILE_BYTES_MAX: u64 = 2 << 30, "the file is refused";
    /// Size of all symbols that were added.
    SYMBOLS_BYTES_MAX: u64 = 16 << 30, "further files are refused until some are deleted from the folder `symbols`";
    /// Least time between two looks for new rows of a hunt that a client follows.
    RESULTS_PACE_MS: u64 = 500, "commits of that time lead to one look";
    /// Longest time between two such looks: rows come by commits, the end of a hunt may come by time alone.
    RESULTS_LOOK_MS_MAX: u64 = 5_000, "not a bound: the rhythm";
    /// Least time between two events of a hunt that is watched.
    EVENTS_PACE_MS: u64 = 1_000, "commits of that time are one event";
    /// Longest time between two looks at a hunt that is watched: an agent falls silent without a commit.
    EVENTS_LOOK_MS_MAX: u64 = 5_000, "not a bound: the rhythm; what has not changed is no event";
    /// Agents whose changes are remembered between two looks at a hunt that is watched.
    WATCHED_CHANGES_MAX: usize = 20_000, "the next look reads all open parts of the hunt, and clients are told to ask again";
    /// Changed parts of a hunt that one event carries.
    CHANGED_PARTS_MAX: usize = 500, "the event says `resync`: ask again for what is shown";
    /// Events with changed parts that a slow watcher of a hunt may be behind.
    WATCHED_BEHIND_MAX: usize = 16, "the watcher is told to ask again for what it shows";
    /// Hunts and profiles whose states and sums are remembered between two questions.
    TALLIES_MAX: usize = 10_000, "all are counted again, the first time that each is asked for";
    /// Parts of hunts that are kept between two questions, some 500 bytes each.
    PARTS_HELD_MAX: usize = 20_000, "those of the hunt that was asked for longest ago are read again";
    /// Bars of a histogram of what a hunt cost, by powers of two.
    COST_BUCKETS_MAX: u32 = 24, "what is far below the greatest is in the first bar";
    /// Agents that are named for each figure of what a hunt cost.
    COST_WORST_MAX: usize = 20, "the others are in the histogram";
    /// Agents that each sentence of `hunt why` names.
    WHY_AGENTS_NAMED_MAX: usize = 10, "the others are only counted: `hunt show --agents` lists them";
    /// Points of a hunt's timeline.
    TIMELINE_POINTS_MAX: usize = 600, "a point stands for a longer time";
    /// Requests of which it is remembered when a sample last concerned them.
    SAMPLED_REQUESTS_MAX: usize = 4_096, "the one whose sample is the oldest is forgotten: its `change` may go back to its last commit";
    /// Hunts and profiles of which `doctor` holds some collections against what they are made of.
    DOCTOR_REQUESTS_MAX: usize = 20, "older ones are looked at by `doctor --rebuild` alone";
    /// Collections that it holds so, in all.
    DOCTOR_COLLECTIONS_MAX: usize = 200, "the others are looked at by `doctor --rebuild` alone";
    /// Readers of the store that stay open between two questions.
    STORE_READERS_IDLE_MAX: usize = 8, "further ones are closed after their question";
    /// Body of an HTTP request.
    HTTP_BODY_BYTES_MAX: usize = 1_048_576, "413";
    /// Items of one page of a list.
    PAGE_ITEMS_MAX: usize = 500, "400; the rest is on the next page";
    /// Items of one page of a list, where the client does not say.
    PAGE_ITEMS: usize = 100, "not a bound: the usual length";
    /// Text that a list is searched for.
    SEARCH_TEXT_BYTES_MAX: usize = 256, "400";
    /// What one search finds.
    SEARCH_HITS_MAX: usize = 20, "the answer says that there is more";
    /// Values that are counted one by one of each property of a set of agents, and label keys.
    FACET_VALUES_MAX: usize = 50, "the rarest are left out; the sum of those shown is less than the whole";
    /// Agents that the preview of a target shows.
    PREVIEW_AGENTS_MAX: usize = 50, "the first by id are shown, all are counted";
    /// Rows that are looked through for the names of files on one page of an agent's uploads or of a hunt's files.
    UPLOAD_NAMES_ROWS_MAX: u64 = 200_000, "the other files are listed without a name; a filter of the hunt's rows finds them";
    /// Names that a list of a hunt's files has for one file.
    FILE_PATHS_MAX: usize = 100, "further names are not shown; a filter of the hunt's rows finds them";
    /// A minute of the fleet's curve is shown so long after its end, when its samples have come.
    FLEET_MINUTE_WAIT_MS: i64 = 20_000, "not a bound: the delay; what comes later counts when the minute is condensed";
    /// Points of the fleet's curve in one answer.
    FLEET_POINTS_MAX: usize = 600, "a point stands for several minutes or hours, with the greatest of each figure";
    /// Topics that one event stream follows.
    EVENT_TOPICS_MAX: usize = 16, "400";
    /// Event streams that are open at once.
    EVENT_STREAMS_MAX: usize = 256, "503";
    /// An event stream without an event for so long carries a comment.
    EVENTS_SILENCE_MS_MAX: u64 = 15_000, "not a bound: the rhythm";
    /// Parts of one hunt whose changes are remembered for those who follow it.
    TOPIC_PARTS_MAX: usize = 2_000, "they are forgotten; who has not seen them is told to ask again";
    /// The first page is made at most so often, for all who ask together.
    OVERVIEW_MS_MIN: u64 = 1_000, "the last one is the answer";
    /// The checks for the first page are made at most so often.
    OVERVIEW_CHECKS_MS_MIN: u64 = 5_000, "what they said last is shown";
    /// Hunts, profiles and agents that the first page shows, each.
    OVERVIEW_ITEMS_MAX: usize = 10, "the others are on their own pages";
    /// How long one answer looks through the rows of a hunt.
    ROWS_BUDGET_MS: u64 = 150, "the answer has what was found, says that it is not complete, and where to go on";
    /// Answers that look through rows at once.
    ROWS_LOOKS_MAX: usize = 2, "the next one waits";
    /// Size of the rows of one answer, as JSON.
    ROWS_PAGE_BYTES_MAX: usize = 8_388_608, "the answer ends with the row that reaches it, and says where to go on";
    /// Rows that are shown in an order of their own: by size, by time.
    ROWS_SORTED_MAX: usize = 1_000, "the first ones are kept; the answer says how many there are";
    /// Size of these rows, as JSON.
    ROWS_SORTED_BYTES_MAX: usize = 8_388_608, "fewer are kept, the last ones go";
    /// Sorted answers, and hunts whose errors are counted, that are remembered to go on with.
    ROWS_SORTS_HELD_MAX: usize = 8, "the one that was not asked for the longest time is forgotten, and begins again";
    /// Paths that are shown of one cause of errors.
    ERROR_EXAMPLES_MAX: usize = 3, "the others are rows of the hunt: muster hunt results --errno";
    /// Folders that are shown with most of the errors of a hunt.
    ERROR_FOLDERS_MAX: usize = 20, "those with fewer are left out";
    /// Folders whose errors are counted.
    ERROR_FOLDERS_COUNTED_MAX: usize = 100_000, "the rarer half is forgotten; of one that comes again the count begins there";
    /// Size of their paths.
    ERROR_FOLDERS_BYTES_MAX: usize = 16_777_216, "the rarer half is forgotten; of one that comes again the count begins there";
    /// Hunts whose lists of hashes are held for those who ask for their rows.
    ROWS_LISTS_HELD_MAX: usize = 2, "the one that was not asked for the longest time is read again";
    /// Values of one filter: agents, error numbers.
    FILTER_VALUES_MAX: usize = 500, "400";
    /// Digits of the beginning of a digest that rows are asked for.
    HASH_PREFIX_DIGITS_MIN: usize = 8, "400";
    /// Time between two looks at the broker's alarms.
    BROKER_ALARMS_LOOK_MS: u64 = 5_000, "not a bound: the rhythm";
    /// The broker is asked for what the page about it shows at most so often, for all who ask together.
    BROKER_SHOWN_MS_MIN: u64 = 5_000, "what was known is shown, with when it was asked for";
    /// Time between two looks at the broker's queues that nothing but time asks for.
    BROKER_QUEUES_LOOK_MS: u64 = 60_000, "not a bound: the rhythm; `doctor` looks when it is asked";
    /// How long `doctor` waits for the management API.
    BROKER_LOOK_WAIT_MS_MAX: u64 = 10_000, "the check `queues` warns that the management API does not answer";
    /// How full a queue may be, in per cent of its bound.
    QUEUE_FULL_PERCENT: u64 = 80, "`doctor` warns";
    /// Messages of a result queue that wait while they become more.
    QUEUE_GROWTH_MESSAGES: u64 = 10_000, "`doctor` warns that results come faster than they are stored";
    /// Connections of one agent's broker user: its own, one for an upload, and one dead one that the broker has not noticed yet.
    AGENT_CONNECTIONS_MAX: u32 = 3, "the broker refuses the next one";
    /// Channels over all of these. An agent opens up to 7 on a connection; a cut line leaves the dead ones counted for up to two heartbeats.
    AGENT_CHANNELS_MAX: u32 = 24, "the broker closes the connection";
    /// Size of a message (`max_message_size` of the shipped rabbitmq.conf).
    BROKER_MESSAGE_BYTES_MAX: usize = 2_097_152, "the broker refuses it with 406";
    /// Time between two looks at settings of the broker that its API cannot change.
    BROKER_SETTINGS_LOOK_MS: u64 = 3_600_000, "not a bound: the rhythm";
    /// Descriptors that a node of the broker needs at least; for a large fleet two per agent.
    BROKER_DESCRIPTORS_MIN: u64 = 4_096, "`doctor` warns";
    /// What the broker's `disk_free_limit` should be at least.
    BROKER_DISK_FREE_BYTES_MIN: u64 = 1_000_000_000, "`doctor` warns";
    /// Any single probe of `broker audit`.
    AUDIT_PROBE_MS_MAX: u64 = 20_000, "the probe counts as not answered: exit 69";
    /// Size of the queue of one agent.
    DIRECTED_QUEUE_MESSAGES_MAX: u64 = 1_000, "reject-publish: exit 75, the agent's queue is full";
    /// Size of the stream of requests.
    STREAM_BYTES_MAX: u64 = 1_073_741_824, "the oldest segment is dropped; agents report the gap";
    /// Size of one segment of the stream.
    STREAM_SEGMENT_BYTES: u64 = 16_777_216, "a new segment is begun";
    /// Size of each result queue.
    RESULT_QUEUE_BYTES_MAX: u64 = 4_294_967_296, "reject-publish: agents keep their chunks and wait";
    /// Messages of the telemetry queue.
    TELEMETRY_QUEUE_MESSAGES_MAX: u64 = 100_000, "drop-head: the oldest sample is lost";
    /// Size of the telemetry queue.
    TELEMETRY_QUEUE_BYTES_MAX: u64 = 1_073_741_824, "drop-head: the oldest sample is lost";
    /// Size of the dead-letter queue.
    DEAD_QUEUE_BYTES_MAX: u64 = 268_435_456, "drop-head: the oldest dead letter is lost";
}

#[cfg(test)]
mod tests;

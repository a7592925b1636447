// The thread that empties the file system's log when nothing was written for a while, so that an image taken from an idle
// machine is complete without it.

import FileSystem
import SystemInterface

enum IdleCheckpoint {
    /// Nanoseconds between two looks: what was committed before the last one goes home.
    private static let period: UInt64 = 1_000_000_000

    /// Starts the thread, once the disk is mounted.
    static func start() { KernelThreads.start("checkpoint") { IdleCheckpoint.run() } }

    private static func run() {
        var generation: UInt64 = 0
        while true {
            do throws(SystemError) {
                _ = try WaitQueue().wait(until: Clock.ticks(nanosecondsFromNow: period)) {
                    () throws(SystemError) -> Bool? in nil
                }
            } catch {}  // the time has passed
            FileStore.system.synchronizeIfIdle(since: &generation)
        }
    }
}

// System calls about processes and memory. fork, exit, wait and exec have files of their own in Kernel/Process.

import FileSystem
import Machine
import Storage
import Synchronization
import SystemInterface

enum ProcessCalls {
    static func kill(_ pid: Int32) throws(SystemError) -> Int {
        try Kill.kill(pid)
        return 0
    }

    static func setGroup(of pid: Int32, to group: Int32) throws(SystemError) -> Int {
        try Kill.setGroup(of: pid, to: group)
        return 0
    }

    static func setForeground(_ group: Int32) -> Int {
        Console.setForeground(group)
        return 0
    }

    /// interrupt: SystemCallNumber has the contract.
    static func setInterruptMode(_ mode: Int32) throws(SystemError) -> Int {
        guard let mode = InterruptMode(rawValue: UInt32(bitPattern: mode)) else { throw .invalidArgument }
        return current.value.setInterruptMode(mode) ? 1 : 0
    }

    static func restrict() -> Int {
        current.restrict()
        return 0
    }

    static func exec(path: UserAddress, arguments: UserAddress) throws(SystemError) -> Int {
        try withPath(path) { (path) throws(SystemError) in try Exec.run(path: path, arguments: arguments) }
    }

    /// sbrk: moves the break by `bytes` and returns the old one. Type 2 with a growing break is lazy; everything else
    /// reserves.
    static func moveBreak(by bytes: Int32, type: Int32) throws(SystemError) -> Int {
        let process = current
        let old = process.value.space!.size
        if bytes >= 0 {
            if type == 2 {
                try process.value.space!.growLazily(by: UInt(bytes))
            } else {
                try grow(process, by: UInt(bytes))
            }
        } else if UInt(bytes.magnitude) <= old {
            process.value.space!.shrink(by: UInt(bytes.magnitude))
        }
        process.noteMemory()
        return Int(old)
    }

    /// Maps all pages, in pieces between which others may run; on failure nothing has changed.
    private static func grow(_ process: ProcessRef, by bytes: UInt) throws(SystemError) {
        guard Pages.areAvailable(Int(bytes / pageSize)) else { throw .noMemory }
        var done: UInt = 0
        do throws(SystemError) {
            repeat {
                let piece = min(bytes - done, megapageSize)
                try process.value.space!.growEagerly(by: piece)
                done += piece
                if done < bytes { try Scheduler.checkpoint() }
            } while done < bytes
        } catch {
            process.value.space!.shrink(by: done)
            throw error
        }
    }

    /// Sleeps for so many tenths of a second, as uptime counts them.
    static func sleep(ticks: Int32) throws(SystemError) -> Int {
        guard ticks > 0 else { return 0 }
        return try sleep(until: Clock.ticks(atUptime: Clock.uptime + UInt64(ticks)))
    }

    /// nanosleep: sleeps at least so long.
    static func sleep(nanoseconds: UInt64) throws(SystemError) -> Int {
        try sleep(until: Clock.ticks(nanosecondsFromNow: nanoseconds))
    }

    private static func sleep(until wakeTime: UInt64) throws(SystemError) -> Int {
        let queue = WaitQueue()
        do throws(SystemError) {
            _ = try queue.wait(until: wakeTime) { () throws(SystemError) -> Bool? in nil }
        } catch {
            guard error == .timedOut else { throw error }
        }
        return 0
    }

    /// Powers the machine off; everything written is on the disk already.
    static func halt(code: Int32) throws(SystemError) -> Int {
        try current.requirePrivilege()
        do throws(SystemError) {
            try FileStore.system.synchronize()
        } catch {
            kprint("halt: the disk cannot be synchronised: \(error.message)\n")
        }
        ConsoleOutput.drain()
        Power.off(code: code)
    }
}

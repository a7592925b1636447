// What runs without being waited for.

import SystemInterface
import UserLibrary

private struct Job {
    let number: Int
    let pid: Int32
    var isTold = false
}

enum Jobs {
    private static var running: [Job] {
        get { unsafe storedRunning }  // a program has one thread
        set { unsafe storedRunning = newValue }
    }
    /// What $! stands for.
    private(set) static var last: Int32? {
        get { unsafe storedLast }  // a program has one thread
        set { unsafe storedLast = newValue }
    }

    nonisolated(unsafe) private static var storedRunning: [Job] = []  // a program has one thread
    nonisolated(unsafe) private static var storedLast: Int32?  // a program has one thread

    static func started(_ pid: Int32) {
        running.append(Job(number: (running.last?.number ?? 0) + 1, pid: pid))
        last = pid
    }

    /// Says the numbers of those that were started since the last prompt, but for those that were waited for.
    static func tell() {
        for index in running.indices where !running[index].isTold {
            writeError("[\(running[index].number)] \(running[index].pid)\n")
            running[index].isTold = true
        }
    }

    /// jobs: what still runs.
    static func list(_ words: [[UInt8]]) -> Int32 {
        reap()
        for job in running { print("[\(job.number)] \(job.pid) running") }
        return 0
    }

    /// Words of which %1 stands for the process of job 1, and %% for that of the last one.
    static func numbers(_ words: [[UInt8]]) -> [[UInt8]] {
        words.map { word in
            guard word.first == UInt8(ascii: "%") else { return word }
            let number = word == [37, 37] ? running.last?.number : Scanner.number(Array(word.dropFirst()))
            guard let job = running.first(where: { $0.number == number }) else { return word }
            return Text("\(job.pid)").bytes
        }
    }

    static func ended(_ pid: Int32) { running.removeAll { $0.pid == pid } }

    /// A child shell has none.
    static func forget() { running = [] }

    /// Frees the slots of those that have ended.
    static func reap() {
        while !running.isEmpty {
            do throws(SystemError) { ended(try System.wait(for: 0, sleeps: false).pid) } catch { return }
        }
    }

    /// wait: for all, or for one; its status. ^C ends it: 130.
    static func wait(_ words: [[UInt8]]) -> Int32 {
        var status: Int32 = 0
        if words.isEmpty {
            while let job = running.first, status != Shell.interruptedStatus { status = wait(for: job.pid) }
            return status == Shell.interruptedStatus ? status : 0
        }
        for word in words {
            guard let number = Scanner.number(word), number > 0, number <= Int(Int32.max) else {
                complain("wait: \(word): not a process number")
                return 2
            }
            status = wait(for: Int32(number))
            if status == Shell.interruptedStatus { break }
        }
        return status
    }

    private static func wait(for pid: Int32) -> Int32 {
        do throws(SystemError) {
            let record = try System.wait(for: pid)
            ended(pid)
            return record.shellStatus
        } catch {
            if error == .interrupted, Interrupts.came() { return Shell.interruptedStatus }
            ended(pid)
            return 127
        }
    }
}

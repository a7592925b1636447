// wildcalls: random system calls with random and almost valid arguments, from many processes, from a seed, for a set
// time. The kernel must not panic, hang or lose anything.

import SystemInterface
import UserLibrary

@main enum WildCalls: Program {
    static let usage: StaticString = """
        usage: wildcalls [-s seed] [-t seconds] [-p processes]
        Processes (6) make random system calls with random arguments for a while (10 s); each is killed after a moment and the next
        begins. halt is not among the calls, nor any call that could harm other processes or files. The seed is printed.
        Exit status 0 if all memory, files and processes came back.
        """
    static let options: StaticString? = LoadOptions.letters

    static var directory: Path { "/wild.tmp" }

    static func run(_ arguments: Arguments) -> Int32 {
        do throws(SystemError) {
            let options = try LoadOptions(arguments, processes: 6)
            print("wildcalls: seed \(options.seed), \(options.processes) processes, \(options.seconds) s")
            try makeDirectory()
            try System.unlink(directory)
            let before = try Balance()
            try makeDirectory()
            try prepare()
            let lives = try runAll(options)
            Remover.empty(directory)
            try System.unlink(directory)
            print("\(lives) processes lived wildly")
            let status = before.report(failed: false)
            if status == 0 { print("\(options.seconds) s of wild calls: all came back") }
            return status
        } catch {
            fail("\(error)")
        }
    }

    private static func makeDirectory() throws(SystemError) {
        do throws(SystemError) { try System.makeDirectory(directory) } catch .fileExists { Remover.empty(directory) }
    }

    /// A program that may be executed, and harmed: a copy of echo.
    private static func prepare() throws(SystemError) {
        let from = try System.open("/echo")
        let to = try System.open("/wild.tmp/w1", [.create, .writeOnly])
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = try readPiece(from, into: &buffer)
            if count == 0 { break }
            try writePiece(to, buffer, count: count)
        }
        try System.close(from)
        try System.close(to)
    }

    /// Starts wild processes, kills each after a moment, until the time is over; returns how many there were.
    private static func runAll(_ options: LoadOptions) throws(SystemError) -> Int {
        let deadline = options.deadline
        var random = Random(options.seed)
        var living: [Int32] = []
        var lives = 0
        while System.clock < deadline {
            while living.count < options.processes {
                lives += 1
                let seed = random.next()
                do throws(SystemError) {
                    let pid = try System.fork()
                    if pid == 0 { WildProcess.live(seed) }
                    living.append(pid)
                } catch {
                    break  // no slot or no memory at the moment: some must die first
                }
            }
            try System.sleep(nanoseconds: UInt64(5_000_000 + random.below(60_000_000)))
            if !living.isEmpty { try kill(living[random.below(living.count)]) }
            killOrphans()
            while !living.isEmpty, let pid = endedChild(living) { living.removeAll { $0 == pid } }
        }
        for pid in living { try kill(pid) }
        for _ in living { _ = try System.wait() }
        // Orphans may have children that are orphans only when those are gone.
        for _ in 0..<20 {
            killOrphans()
            try System.sleep(nanoseconds: 20_000_000)
        }
        return lives
    }

    private static func kill(_ pid: Int32) throws(SystemError) {
        do throws(SystemError) { try System.kill(pid) } catch .noSuchProcess {}
    }

    /// A child that has ended, without waiting for one that lives.
    private static func endedChild(_ living: [Int32]) -> Int32? {
        var found: Int32?
        forEachProcess { record in
            if record.state == .zombie, living.contains(record.pid) { found = record.pid }
        }
        guard found != nil else { return nil }
        do throws(SystemError) { return try System.wait().pid } catch { return nil }
    }

    /// What wild processes have left behind: copies of this program, or of echo, that init has inherited. (Not this
    /// process itself, which is init's own child when it runs in the shell's place.)
    private static func killOrphans() {
        forEachProcess { record in
            let isOurs =
                record.nameByte(0) == UInt8(ascii: "w")
                && (record.nameByte(1) == UInt8(ascii: "i") || record.nameByte(2) == 0)
            guard record.parent == 1, record.pid != System.pid, isOurs, record.state != .zombie else { return }
            do throws(SystemError) { try System.kill(record.pid) } catch {}
        }
    }

    private static func forEachProcess(_ body: (ProcessRecord) -> Void) {
        do throws(SystemError) { for record in try System.processes() { body(record) } } catch {}
    }
}

// The console: device major 1. Programs write into the output ring (Kernel/Log) and read lines of what was typed
// (LineInput.swift).
//
// CR reads as LF; ^P lists the processes; ^C ends the foreground program, which the shell names. What is typed ahead
// waits: in the ring, and when that is full in the UART, so that nothing is lost. To a program in the background the
// console is an empty file.

import Drivers
import Machine
import Storage
import Synchronization
import SystemInterface

enum Console {
    static let major: Int16 = 1

    /// The process group that ^C ends and that reads what is typed; 0 if there is none: then every process reads.
    private static let foreground = Atomic<Int32>(0)
    /// Room for echo without which nothing more is taken from the UART: ^U of a line of control characters takes most.
    private static let echoRoom = 1000

    private static let input = SpinLock<LineInput>(.consoleInput)
    private static let readers = WaitQueue()
    private static let writers = WaitQueue()
    private static let pollers = PollQueue()

    /// Takes what is typed from now on. Once, during start-up.
    static func start() { input.start(at: BootMemory.make(LineInput())) }

    // MARK: For processes

    static func setForeground(_ group: Int32) {
        foreground.store(group, ordering: .relaxed)
        // Readers that are in the background now find the end of the file.
        readers.wakeAll()
        pollers.wake()
    }

    static func isForeground(_ group: Int32) -> Bool { foreground.load(ordering: .relaxed) == group }

    private static var isInBackground: Bool {
        let group = foreground.load(ordering: .relaxed)
        return group != 0 && group != currentThread.value.group.load(ordering: .relaxed)
    }

    /// Bytes of one write that stay together at most, as on Linux's pipes (PIPE_BUF): none keeps the others from the screen
    /// for long.
    private static let piece = 4096
    /// A write has the console, and its bytes stay together.
    private static let isHeld = Atomic<Bool>(false)
    private static let turns = WaitQueue()

    /// Writes `count` bytes from user memory; returns how many before a bad address or a ^C. Sleeps while another write
    /// has the console, and while the ring is full.
    static func write(from source: UserAddress, count: Int) throws(SystemError) -> Int {
        guard count > 0 else { return 0 }
        try take()
        defer { letGo() }
        var done = 0
        var chunk = [64 of UInt8](repeating: 0)
        while done < count {
            let wanted = min(64, count - done)
            let copied = copyIn(&chunk, from: source + done, count: wanted)
            var index = 0
            while index < copied {
                do throws(SystemError) {
                    _ = try writers.wait { () throws(SystemError) -> Bool? in put(chunk, &index, copied) ? true : nil }
                } catch {
                    if done + index == 0 { throw error }
                    return done + index
                }
            }
            done += copied
            if copied < wanted { break }
            if done % piece == 0, done < count { letOthersWrite() }
        }
        return done
    }

    private static func take() throws(SystemError) {
        do throws(SystemError) {
            _ = try turns.wait { () throws(SystemError) -> Bool? in
                isHeld.exchange(true, ordering: .acquiring) ? nil : true
            }
        } catch {
            turns.wakeOne()  // it may have been this one's turn
            throw error
        }
    }

    private static func letGo() {
        isHeld.store(false, ordering: .releasing)
        turns.wakeOne()
    }

    /// The one that is woken comes first, unless it runs late: then this one goes on.
    private static func letOthersWrite() {
        letGo()
        Scheduler.yield()
        turns.waitUninterrupted { !isHeld.exchange(true, ordering: .acquiring) }
    }

    private static func copyIn(_ chunk: inout [64 of UInt8], from source: UserAddress, count: Int) -> Int {
        var span = chunk.mutableSpan
        var bytes = span.mutableRawBytes
        var part = bytes._mutatingExtracting(first: count)
        return source.copyIn(to: &part)
    }

    /// Puts bytes into the ring from `index` up to `end`, CR before LF, as far as there is room; true when all are in.
    private static func put(_ chunk: [64 of UInt8], _ index: inout Int, _ end: Int) -> Bool {
        ConsoleOutput.withRing { ring in
            ring.pump()
            while index < end, ring.roomForPrograms >= 2 {
                if chunk[index] == 10 { ring.put(13) }
                ring.put(chunk[index])
                index += 1
            }
            ring.pump()
            return index == end
        } ?? true
    }

    /// Reads at most one line into user memory; 0 at end of file, and in the background.
    static func read(to destination: UserAddress, count: Int) throws(SystemError) -> Int {
        guard count > 0 else { return 0 }
        var done = 0
        var line = [128 of UInt8](repeating: 0)
        while done < count {
            let taken: (count: Int, ended: Bool) = try readers.wait {
                () throws(SystemError) -> (count: Int, ended: Bool)? in
                if isInBackground { return (0, true) }
                return input.withLock { $0.take(into: &line, limit: count - done) }
            }
            receiveIfRoom()
            let copied = (destination + done).copyOut(line.span.rawBytes.extracting(first: taken.count))
            done += copied
            if copied < taken.count {
                if done == 0 { throw .badAddress }
                break
            }
            if taken.ended { break }
        }
        return done
    }

    /// What can be done without sleeping: bits of PollEntry.
    static var readiness: Int16 {
        isInBackground || input.withLock { $0.hasLine } ? PollEntry.readable | PollEntry.writable : PollEntry.writable
    }

    static func withPollQueue(_ body: (borrowing PollQueue) -> Void) { body(pollers) }

    // MARK: Interrupt

    /// What an interrupt asks of the rooms above.
    struct Requests {
        /// The process group that ^C ends; 0: none.
        var interruptedGroup: Int32 = 0
        /// ^P: list the processes.
        var listsProcesses = false
        /// A line became readable.
        fileprivate var hasLine = false
    }

    /// Serves the UART's interrupt: takes what was typed, echoes it, and sends what waits.
    static func interrupt() -> Requests {
        var requests = Requests()
        while receiveIfRoom(), let byte = ConsoleOutput.receive() {
            switch byte {
            case Key.processes: requests.listsProcesses = true
            case Key.interrupt: interruptForeground(&requests)
            default: type(byte == 13 ? 10 : byte, &requests)
            }
        }
        let hasRoom = ConsoleOutput.withRing { ring in
            ring.pump()
            return ring.roomForPrograms >= 128
        }
        if hasRoom == true { writers.wakeOne() }  // only the one that has the console waits here
        if requests.hasLine {
            readers.wakeAll()
            pollers.wake()
        }
        return requests
    }

    /// Lets the UART give what it receives, or keep it, as there is room for a line and its echo.
    @discardableResult
    private static func receiveIfRoom() -> Bool {
        let hasRoom = input.withLock { $0.hasRoom } && ConsoleOutput.withRing { $0.room >= echoRoom } ?? true
        ConsoleOutput.setReceives(hasRoom)
        return hasRoom
    }

    /// ^C: drops the line being typed and ends the foreground group. Without one, the reader gets an empty line, so
    /// that a shell prompts anew.
    private static func interruptForeground(_ requests: inout Requests) {
        let group = foreground.load(ordering: .relaxed)
        if input.withLock({ $0.interrupt(givesEmptyLine: group == 0) }) { requests.hasLine = true }
        echo(UInt8(ascii: "^"), UInt8(ascii: "C"), 13, 10)
        if group != 0 { requests.interruptedGroup = group }
    }

    private static func type(_ byte: UInt8, _ requests: inout Requests) {
        switch input.withLock({ $0.type(byte) }) {
        case .none: break
        case .typed(let byte): byte < 32 ? echo(UInt8(ascii: "^"), byte + 64) : echo(byte)
        case .tabbed(let columns): for _ in 0..<columns { echo(32) }
        case .refused: echo(7)
        case .ended(let byte):
            if byte == 10 { echo(13, 10) }
            requests.hasLine = true
        case .dropped:
            echo(7)
            echo("\r\n(refused: a line has at most 127 bytes)\r\n")
            requests.hasLine = true
        case .erased(let columns): for _ in 0..<columns { echo(8, 32, 8) }
        }
    }

    private static func echo(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { echo(unsafe text.utf8Start[index]) }  // within its own length
    }

    /// Puts up to four bytes into the ring if there is room for all of them: nothing waits in an interrupt. 0 is no
    /// byte.
    private static func echo(_ first: UInt8, _ second: UInt8 = 0, _ third: UInt8 = 0, _ fourth: UInt8 = 0) {
        _ = ConsoleOutput.withRing { ring in
            guard ring.room >= 4 else { return }
            ring.put(first)
            if second != 0 { ring.put(second) }
            if third != 0 { ring.put(third) }
            if fourth != 0 { ring.put(fourth) }
        }
    }
}

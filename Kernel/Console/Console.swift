// The console: device major 1. Output goes through a ring that the UART's interrupt empties; input is collected into lines.
//
// Line editing (ABI.md): CR reads as LF; ^H and DEL erase a character, ^U the line; ^D ends the file; ^P prints the process table;
// what is typed ahead waits. A line has at most 128 bytes. ^C ends the foreground program, which the shell names.

import Drivers
import Machine
import SystemInterface

private let lineLimit = 128
private let inputSize: UInt32 = 1024
private let outputSize: UInt32 = 2048

/// What was typed. Three indexes that only grow, modulo the buffer: read ≤ committed ≤ edit.
private struct Input {
    var buffer = [1024 of UInt8](repeating: 0)
    var read: UInt32 = 0
    var committed: UInt32 = 0
    var edit: UInt32 = 0

    subscript(index: UInt32) -> UInt8 {
        get { buffer[Int(index % inputSize)] }
        set { buffer[Int(index % inputSize)] = newValue }
    }

    /// Bytes of the line being typed.
    var lineLength: UInt32 { edit &- committed }
    var isFull: Bool { edit &- read == inputSize }
}

private struct Output {
    var buffer = [2048 of UInt8](repeating: 0)
    var head: UInt32 = 0
    var tail: UInt32 = 0
    var port: UART16550<MappedRegisters>?
    var interruptsForMore = false

    var isFull: Bool { tail &- head == outputSize }

    mutating func put(_ byte: UInt8) {
        buffer[Int(tail % outputSize)] = byte
        tail &+= 1
    }

    /// Hands the UART what it takes now, and asks for an interrupt if there is more.
    mutating func pump() {
        guard let port else { return }
        while head != tail, port.canTransmit {
            for _ in 0..<UART16550<MappedRegisters>.fifoDepth where head != tail {
                port.transmit(buffer[Int(head % outputSize)])
                head &+= 1
            }
        }
        if interruptsForMore != (head != tail) {
            interruptsForMore = head != tail
            port.enableInterrupts(transmitter: interruptsForMore)
        }
    }

    /// Before there is a UART, a panic is printed by firmware.
    mutating func popToFirmware() {
        Firmware.print(buffer[Int(head % outputSize)])
        head &+= 1
    }

    /// For the kernel's own messages, which do not sleep: waits for the UART until there is room.
    mutating func putWaiting(_ byte: UInt8) {
        while isFull {
            // Without a UART the oldest goes.
            if port == nil { head &+= 1 } else { pump() }
        }
        put(byte)
    }
}

enum Console {
    static let major: Int16 = 1

    /// The process group that ^C ends; 0 if there is none.
    nonisolated(unsafe) static var foreground: Int32 = 0

    private enum Key {
        static let interrupt: UInt8 = 0x03  // ^C
        static let endOfFile: UInt8 = 0x04  // ^D
        static let backspace: UInt8 = 0x08  // ^H
        static let processes: UInt8 = 0x10  // ^P
        static let killLine: UInt8 = 0x15  // ^U
        static let delete: UInt8 = 0x7f
    }

    nonisolated(unsafe) private static var input = SpinLock(Input())
    nonisolated(unsafe) private static var output = SpinLock(Output())
    nonisolated(unsafe) private static var readers = WaitQueue()
    nonisolated(unsafe) private static var writers = WaitQueue()

    /// From here on the UART is used; before, messages wait in the ring.
    static func start(_ port: UART16550<MappedRegisters>) {
        output.withLock { output in
            output.port = port
            port.enableInterrupts(transmitter: false)
            output.pump()
        }
    }

    /// Prints a message of the kernel's without sleeping.
    static func print(_ message: KernelMessage) {
        output.withLock { output in
            for index in 0..<message.count {
                if message.bytes[index] == 10 { output.putWaiting(13) }
                output.putWaiting(message.bytes[index])
            }
            output.pump()
        }
    }

    /// Prints past every lock, for a panic: other harts have been stopped, or are stuck.
    static func printUnlocked(_ message: KernelMessage) {
        output.breakLock { output in
            for index in 0..<message.count {
                if message.bytes[index] == 10 { output.putWaiting(13) }
                output.putWaiting(message.bytes[index])
            }
            while output.head != output.tail {
                if output.port != nil { output.pump() } else { output.popToFirmware() }
            }
        }
    }

    /// Sends what waits in the ring, before the power goes. Gives up when the UART takes nothing for a second.
    static func drain() {
        let limit = Clock.ticks + Clock.frequency
        output.breakLock { output in
            while output.head != output.tail, output.port != nil, Clock.ticks < limit { output.pump() }
        }
    }

    // MARK: For processes

    /// Writes `count` bytes from user memory; returns how many before a bad address. Sleeps while the ring is full.
    static func write(from source: UserAddress, count: Int) throws(SystemError) -> Int {
        var done = 0
        var chunk = [64 of UInt8](repeating: 0)
        while done < count {
            let wanted = min(64, count - done)
            var span = chunk.mutableSpan
            let copied = span.withUnsafeMutableBytes { (source + done).copyIn(to: $0.baseAddress.unsafelyUnwrapped, count: wanted) }
            var index = 0
            while index < copied {
                _ = try writers.wait { () throws(SystemError) -> Bool? in
                    let room: Bool = output.withLock { output in
                        output.pump()
                        while index < copied, outputSize - (output.tail &- output.head) >= 2 {
                            if chunk[index] == 10 { output.put(13) }
                            output.put(chunk[index])
                            index += 1
                        }
                        output.pump()
                        return index == copied
                    }
                    return room ? true : nil
                }
            }
            done += copied
            if copied < wanted { break }
        }
        return done
    }

    /// Reads at most one line into user memory; 0 at end of file.
    static func read(to destination: UserAddress, count: Int) throws(SystemError) -> Int {
        guard count > 0 else { return 0 }
        var done = 0
        var line = [128 of UInt8](repeating: 0)
        while done < count {
            let taken: (count: Int, ended: Bool) = try readers.wait { () throws(SystemError) -> (count: Int, ended: Bool)? in
                input.withLock { input in
                    guard input.read != input.committed else { return nil }
                    var taken = 0
                    while input.read != input.committed, taken < min(lineLimit, count - done) {
                        let byte = input[input.read]
                        if byte == Key.endOfFile {
                            // With bytes before it the line ends here, and the next read finds the end of the file.
                            if done + taken == 0 { input.read &+= 1 }
                            return (taken, true)
                        }
                        input.read &+= 1
                        line[taken] = byte
                        taken += 1
                        if byte == 10 { return (taken, true) }
                    }
                    return (taken, false)
                }
            }
            var span = line.mutableSpan
            let copied = span.withUnsafeMutableBytes { (destination + done).copyOut(from: $0.baseAddress.unsafelyUnwrapped, count: taken.count) }
            done += copied
            if copied < taken.count {
                if done == 0 { throw .badAddress }
                break
            }
            if taken.ended { break }
        }
        return done
    }

    /// Whether a line waits.
    nonisolated(unsafe) private static var pollers = PollQueue()

    static func withPollQueue(_ body: (inout PollQueue) -> Void) { body(&pollers) }

    static var isReadable: Bool { input.withLock { $0.read != $0.committed } }

    // MARK: Interrupt

    /// The UART interrupts: takes what was typed, echoes it, and sends what waits.
    static func interrupt() {
        var wakeReaders = false
        var listProcesses = false
        while let byte = output.withLock({ $0.port?.receive() ?? nil }) {
            switch byte {
            case Key.processes: listProcesses = true
            case Key.interrupt: if interruptForeground() { wakeReaders = true }
            default: if type(byte) { wakeReaders = true }
            }
        }
        let room = output.withLock { output in
            output.pump()
            return outputSize - (output.tail &- output.head) >= 128
        }
        if room { writers.wakeAll() }
        if wakeReaders {
            readers.wakeAll()
            pollers.wake()
        }
        if listProcesses { ProcessTable.printList() }
    }

    /// ^C: drops the line being typed and ends the foreground group. Without one, the reader gets an empty line, so that a
    /// shell prompts anew; then this is true.
    private static func interruptForeground() -> Bool {
        let group = foreground
        let readerGoesOn = input.withLock { input in
            input.edit = input.committed
            guard group == 0, !input.isFull else { return false }
            input[input.edit] = 10
            input.edit &+= 1
            input.committed = input.edit
            return true
        }
        output.withLock { output in
            output.putWaiting(UInt8(ascii: "^"))
            output.putWaiting(UInt8(ascii: "C"))
            output.putWaiting(13)
            output.putWaiting(10)
        }
        if group != 0 { Family.interrupt(group: group) }
        return readerGoesOn
    }

    /// Edits the line; true if a reader may go on.
    private static func type(_ typed: UInt8) -> Bool {
        let byte = typed == 13 ? 10 : typed
        return input.withLock { input in
            switch byte {
            case Key.killLine:
                while input.lineLength > 0 {
                    input.edit &-= 1
                    eraseEcho()
                }
            case Key.backspace, Key.delete:
                if input.lineLength > 0 {
                    input.edit &-= 1
                    eraseEcho()
                }
            default:
                // The last place of a line and of the buffer is kept for the byte that ends it.
                let ends = byte == 10 || byte == Key.endOfFile
                guard !input.isFull, ends || input.lineLength < UInt32(lineLimit - 1) else { return false }
                input[input.edit] = byte
                input.edit &+= 1
                if byte != Key.endOfFile { echo(byte) }
                if ends || input.isFull {
                    input.committed = input.edit
                    return true
                }
            }
            return false
        }
    }

    private static func echo(_ byte: UInt8) {
        output.withLock { output in
            if byte == 10 { output.putWaiting(13) }
            output.putWaiting(byte)
        }
    }

    private static func eraseEcho() {
        output.withLock { output in
            output.putWaiting(8)
            output.putWaiting(32)
            output.putWaiting(8)
        }
    }
}

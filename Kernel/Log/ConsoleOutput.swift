// What goes out through the UART: a ring of bytes, filled by the kernel's messages, by echo and by programs, emptied by
// the UART's interrupt.
//
// Nothing here waits. A program that finds the ring full sleeps (Kernel/Console); a message of the kernel's that finds
// no room is dropped and counted, and stays readable in the log (KernelLog.swift). Only a panic, and the last words
// before the power goes off, wait for the UART, and not for ever.

import Drivers
import Machine
import Storage
import Synchronization

/// The ring, and the UART behind it.
struct OutputRing {
    static let size = 4096
    /// Bytes that programs leave free, so that echo and messages of the kernel's find room.
    static let reserve = 1024

    private var buffer = [4096 of UInt8](repeating: 0)
    /// Bytes taken out and put in since boot, modulo 2^32.
    private var head: UInt32 = 0
    private var tail: UInt32 = 0
    private var port: UART16550<MappedRegisters>?
    private var interruptsForMore = false
    private var receives = true
    /// Messages dropped since the last one that was put in.
    fileprivate var dropped: UInt64 = 0

    init() {}

    private var filled: Int { Int(tail &- head) }
    /// Bytes that can be put in.
    var room: Int { Self.size - filled }
    /// Bytes that a program may put in.
    var roomForPrograms: Int { max(0, room - Self.reserve) }

    /// Puts a byte in; the caller has seen that there is room.
    mutating func put(_ byte: UInt8) {
        precondition(filled < Self.size, "a byte is put into a full output ring")
        buffer[Int(tail) % Self.size] = byte
        tail &+= 1
    }

    /// Puts a message in with CR before each LF, if there is room for all of it.
    fileprivate mutating func put(_ message: KernelMessage) -> Bool {
        guard room >= 2 * message.count else { return false }
        for index in 0..<message.count {
            if message.bytes[index] == 10 { put(13) }
            put(message.bytes[index])
        }
        return true
    }

    /// Gives the UART what it takes now, and asks for an interrupt if there is more.
    mutating func pump() {
        guard let port else { return }
        while head != tail, port.canTransmit {
            for _ in 0..<UART16550<MappedRegisters>.fifoDepth where head != tail {
                port.transmit(buffer[Int(head) % Self.size])
                head &+= 1
            }
        }
        if interruptsForMore != (head != tail) {
            interruptsForMore = head != tail
            port.enableInterrupts(receiver: receives, transmitter: interruptsForMore)
        }
    }

    fileprivate mutating func attach(_ port: UART16550<MappedRegisters>) {
        self.port = port
        port.enableInterrupts(receiver: receives, transmitter: false)
    }

    /// A byte from the UART; nil if none has come.
    fileprivate var received: UInt8? { port?.receive() ?? nil }

    /// Lets the UART interrupt for what it receives, or keep it: then the other side waits.
    fileprivate mutating func setReceives(_ receives: Bool) {
        guard self.receives != receives else { return }
        self.receives = receives
        port?.enableInterrupts(receiver: receives, transmitter: interruptsForMore)
    }

    /// Gives the UART everything, looking at it at most so often while it takes nothing.
    fileprivate mutating func drain(looks: Int) {
        var left = looks
        while head != tail, port != nil, left > 0 {
            let before = head
            pump()
            left = head == before ? left - 1 : looks
        }
    }
}

enum ConsoleOutput {
    private static let ring = DeviceLock<OutputRing>(.consoleOutput)
    /// Looks at a UART that takes nothing before it is given up: about a second on QEMU.
    private static let patience = 2_000_000

    /// Sends messages and output to a UART from now on. Once, during start-up.
    static func start(_ port: UART16550<MappedRegisters>, at place: Ref<OutputRing>) {
        place.value.attach(port)
        ring.start(at: place)
    }

    /// Works on the ring; nil when there is no UART.
    @inline(__always)
    static func withRing<Result>(_ body: (inout OutputRing) -> Result) -> Result? {
        ring.isStarted ? ring.withLock(body) : nil
    }

    /// A byte that was typed; nil if none has come.
    static func receive() -> UInt8? { withRing { $0.received } ?? nil }

    /// Whether the UART interrupts for what it receives.
    static func setReceives(_ receives: Bool) { _ = withRing { $0.setReceives(receives) } }

    /// Puts a message of the kernel's into the ring, whole, or drops and counts it.
    @inline(never)
    static func put(_ message: KernelMessage) {
        _ = withRing { ring in
            if ring.dropped > 0, ring.put("[\(ring.dropped) messages dropped: dmesg has the last ones]\n") {
                ring.dropped = 0
            }
            if !ring.put(message) { ring.dropped += 1 }
            ring.pump()
        }
    }

    /// Prints past every lock, for a panic: other harts have been stopped, or are stuck.
    static func printUnlocked(_ message: KernelMessage) {
        let isPrinted: Void? = ring.breakLock { ring in
            if !ring.put(message) {
                ring.drain(looks: patience)
                _ = ring.put(message)
            }
            ring.drain(looks: patience)
        }
        guard isPrinted == nil else { return }
        // Before there is a UART, firmware prints.
        for index in 0..<message.count { Firmware.print(message.bytes[index]) }
    }

    /// Sends what waits in the ring, before the power goes off. Gives a UART up that takes nothing.
    static func drain() { _ = ring.breakLock { $0.drain(looks: patience) } }
}

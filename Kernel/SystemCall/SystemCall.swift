// From a number in a7 to a function (Documentation/ABI.md has the whole contract). Arguments are in a0 to a5; the
// result goes to a0, and when that is -1 the error number to a1.

import FileSystem
import Machine
import Storage
import SystemInterface

enum SystemCall {
    /// Serves the system call in a frame. Interrupts are on.
    static func dispatch(_ frame: Ref<trap_frame>) {
        do throws(SystemError) {
            frame.value.a0 = UInt64(bitPattern: Int64(try serve(CallArguments(frame))))
        } catch {
            frame.value.a0 = UInt64(bitPattern: -1)
            frame.value.a1 = UInt64(UInt32(bitPattern: error.rawValue))
        }
    }

    /// One call, one line. exit does not return.
    private static func serve(_ arguments: CallArguments) throws(SystemError) -> Int {
        switch SystemCallNumber(rawValue: arguments.number) {
        case .fork: Int(try Fork.fork())
        case .exit: ExitAndWait.exit(status: arguments.int(0))
        case .wait: Int(try ExitAndWait.wait(statusAt: arguments.address(0)))
        case .pipe: try FileCalls.pipe(descriptorsAt: arguments.address(0))
        case .read: try FileCalls.read(arguments.int(0), to: arguments.address(1), count: arguments.int(2))
        case .kill: try ProcessCalls.kill(arguments.int(0))
        case .exec: try ProcessCalls.exec(path: arguments.address(0), arguments: arguments.address(1))
        case .fstat: try FileCalls.status(arguments.int(0), to: arguments.address(1))
        case .chdir: try FileCalls.changeDirectory(arguments.address(0))
        case .dup: try FileCalls.duplicate(arguments.int(0))
        case .getpid: Int(current.pid)
        case .sbrk: try ProcessCalls.moveBreak(by: arguments.int(0), type: arguments.int(1))
        case .sleep: try ProcessCalls.sleep(ticks: arguments.int(0))
        case .uptime: Int(truncatingIfNeeded: Clock.uptime)
        case .open: try FileCalls.open(arguments.address(0), flags: arguments.int(1))
        case .write: try FileCalls.write(arguments.int(0), from: arguments.address(1), count: arguments.int(2))
        case .mknod: try FileCalls.makeNode(arguments.address(0), major: arguments.int(1), minor: arguments.int(2))
        case .unlink: try FileCalls.unlink(arguments.address(0))
        case .link: try FileCalls.link(arguments.address(0), as: arguments.address(1))
        case .mkdir: try FileCalls.makeDirectory(arguments.address(0))
        case .close: try FileCalls.close(arguments.int(0))
        case .ping:
            try NetworkCalls.ping(
                address: arguments.address(0), payload: arguments.int(1), milliseconds: arguments.int(2),
                reply: arguments.address(3))
        case .dhcpRequest:
            try NetworkCalls.requestLease(
                interface: arguments.int(0), milliseconds: arguments.int(1), report: arguments.address(2))
        case .halt: try ProcessCalls.halt(code: arguments.int(0))
        case .nanosleep: try ProcessCalls.sleep(nanoseconds: arguments.word(0))
        case .clock: Int(truncatingIfNeeded: Clock.nanoseconds)
        case .processes: try StatusCalls.processes(to: arguments.address(0), count: arguments.int(1))
        case .resources: try StatusCalls.resources(to: arguments.address(0))
        case .wallClock: try StatusCalls.wallClock()
        case .setGroup: try ProcessCalls.setGroup(of: arguments.int(0), to: arguments.int(1))
        case .foreground: ProcessCalls.setForeground(arguments.int(0))
        case .socket: try SocketCalls.make(arguments.int(0))
        case .bind: try SocketCalls.bind(arguments.int(0), to: arguments.address(1))
        case .connect: try SocketCalls.connect(arguments.int(0), to: arguments.address(1))
        case .sendto:
            try SocketCalls.send(
                arguments.int(0), from: arguments.address(1), count: arguments.int(2), to: arguments.address(3))
        case .recvfrom:
            try SocketCalls.receive(
                arguments.int(0), to: arguments.address(1), count: arguments.int(2), source: arguments.address(3))
        case .getsockname: try SocketCalls.localAddress(arguments.int(0), to: arguments.address(1))
        case .getpeername: try SocketCalls.peerAddress(arguments.int(0), to: arguments.address(1))
        case .setsockopt: try SocketCalls.set(arguments.int(0), option: arguments.int(1), to: arguments.int(2))
        case .poll:
            try PollCall.poll(arguments.address(0), count: Int(arguments.int(1)), milliseconds: arguments.int(2))
        case .diskRead: try FileCalls.readDisk(block: arguments.word(0), to: arguments.address(1))
        case .getsockopt: try SocketCalls.get(arguments.int(0), option: arguments.int(1), to: arguments.address(2))
        case .networkStatus:
            try NetworkStatusCalls.status(of: arguments.int(0), index: arguments.int(1), to: arguments.address(2))
        case .networkChange: try NetworkStatusCalls.change(arguments.int(0), record: arguments.address(1))
        case .resolve:
            try NetworkCalls.resolve(arguments.address(0), milliseconds: arguments.int(1), report: arguments.address(2))
        case .counters: try StatusCalls.counters(to: arguments.address(0), stacks: arguments.int(1) != 0)
        case .pciFunction: try StatusCalls.pciFunction(arguments.int(0), to: arguments.address(1))
        case .loopDevice:
            try NetworkCalls.loopDevice(arguments.int(0), count: arguments.int(1), byteCount: arguments.int(2))
        case .dmesg:
            try StatusCalls.messages(from: arguments.address(0), to: arguments.address(1), count: arguments.int(2))
        case .getrandom: try StatusCalls.random(to: arguments.address(0), count: arguments.int(1))
        case .interrupt: try ProcessCalls.setInterruptMode(arguments.int(0))
        case .waitChild:
            Int(
                try ExitAndWait.wait(
                    for: arguments.int(0), recordAt: arguments.address(1), sleeps: arguments.int(2) & 1 == 0))
        case .rename: try FileCalls.rename(arguments.address(0), to: arguments.address(1))
        case .fsync: try FileCalls.synchronize(arguments.int(0))
        case .diskWrite: try FileCalls.writeDisk(block: arguments.word(0), from: arguments.address(1))
        case .restrict: ProcessCalls.restrict()
        case .listen: try SocketCalls.listen(arguments.int(0), backlog: arguments.int(1))
        case .accept: try SocketCalls.accept(arguments.int(0), peer: arguments.address(1))
        case .shutdown: try SocketCalls.shutdown(arguments.int(0), arguments.int(1))
        case .send:
            try SocketCalls.send(
                arguments.int(0), from: arguments.address(1), count: arguments.int(2), flags: arguments.int(3))
        case .receive:
            try SocketCalls.receive(
                arguments.int(0), to: arguments.address(1), count: arguments.int(2), flags: arguments.int(3))
        case .ringsOpen: try NetworkCalls.openRings(arguments.address(0))
        case .ringsSync: try NetworkCalls.synchroniseRings(arguments.int(0), arguments.int(1))
        case nil: try unknown(arguments.number)
        }
    }

    private static func unknown(_ number: UInt64) throws(SystemError) -> Int {
        current.report(
            "\(current.pid) \(currentThread.value.name): unknown sys call \(Int(truncatingIfNeeded: number))\n")
        throw .noSuchCall
    }
}

/// The argument registers of a call.
struct CallArguments {
    private let frame: Ref<trap_frame>

    init(_ frame: Ref<trap_frame>) { self.frame = frame }

    var number: UInt64 { frame.value.a7 }

    private func raw(_ index: Int) -> UInt64 {
        switch index {
        case 0: frame.value.a0
        case 1: frame.value.a1
        case 2: frame.value.a2
        default: frame.value.a3
        }
    }

    /// An int: the low 32 bits.
    @inline(__always)
    func int(_ index: Int) -> Int32 { Int32(truncatingIfNeeded: raw(index)) }

    /// All 64 bits.
    @inline(__always)
    func word(_ index: Int) -> UInt64 { raw(index) }

    /// A pointer, as unchecked as it came.
    @inline(__always)
    func address(_ index: Int) -> UserAddress { UserAddress(raw(index)) }
}

/// Calls `body` with a path copied in from user memory.
func withPath<Result: ~Copyable>(
    _ address: UserAddress, _ body: (borrowing Span<UInt8>) throws(SystemError) -> Result
) throws(SystemError) -> Result {
    var path = [128 of UInt8](repeating: 0)  // Limit.path
    let length = try copyPath(address, into: &path)
    return try body(path.span.extracting(first: length))
}

private func copyPath(_ address: UserAddress, into path: inout [128 of UInt8]) throws(SystemError) -> Int {
    var span = path.mutableSpan
    var bytes = span.mutableRawBytes
    return try address.copyString(to: &bytes)
}

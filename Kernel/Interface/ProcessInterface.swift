// How processes end, and what ^C does to them: what the calls `interrupt` and `waitChild` and programs agree on.

/// Why a process ended. The numbers are those of POSIX's signals, so that a shell's $? is 128 more.
public enum EndReason: UInt32, Sendable {
    /// By its own call of exit.
    case exited = 0
    /// ^C.
    case interrupted = 2
    /// No page was free, and it held most.
    case outOfMemory = 9
    /// A trap that cannot be served, such as an access to memory that it does not have.
    case fault = 11
    /// The call kill.
    case killed = 15
}

/// What ^C does to a process of the foreground group.
public enum InterruptMode: UInt32, Sendable {
    /// It ends.
    case ends = 0
    /// It is told, once; the next ^C before it asks ends it.
    case tells = 1
    /// It is told.
    case tellsAlways = 2
}

/// A child that has ended. 16 bytes: pid i32 @0, status i32 @4, reason u32 @8, 4 bytes 0.
public struct ChildRecord: Sendable, BitwiseCopyable {
    public private(set) var pid: Int32 = 0
    /// What it gave to exit; -1 if it did not call exit.
    public private(set) var status: Int32 = 0
    private var reasonNumber: UInt32 = 0
    private var unused: UInt32 = 0

    public init() {}

    public init(pid: Int32, status: Int32, reason: EndReason) {
        self.pid = pid
        self.status = status
        reasonNumber = reason.rawValue
    }

    public var reason: EndReason { EndReason(rawValue: reasonNumber) ?? .killed }
    /// What a shell's $? says: the status, or 128 and the reason's number.
    public var shellStatus: Int32 { reason == .exited ? status : 128 + Int32(reason.rawValue) }
}

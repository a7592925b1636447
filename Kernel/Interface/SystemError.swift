// The error numbers that cross the system-call border: -1 in a0 and one of these in a1 (Documentation/ABI.md is the
// contract). Numbers and names are POSIX's as Linux numbers them, so that a reader knows them already.

/// Why a system call failed. Thrown (typed) inside the kernel and the file system, and again in user programs.
@frozen
public struct SystemError: Error, Equatable, Sendable {
    /// The number in a1.
    public let rawValue: Int32

    @inlinable
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let notPermitted = SystemError(rawValue: 1)  // EPERM
    public static let noSuchFile = SystemError(rawValue: 2)  // ENOENT
    public static let noSuchProcess = SystemError(rawValue: 3)  // ESRCH
    public static let interrupted = SystemError(rawValue: 4)  // EINTR
    public static let inputOutput = SystemError(rawValue: 5)  // EIO
    public static let noSuchAddress = SystemError(rawValue: 6)  // ENXIO
    public static let argumentsTooLong = SystemError(rawValue: 7)  // E2BIG
    public static let badExecutable = SystemError(rawValue: 8)  // ENOEXEC
    public static let badDescriptor = SystemError(rawValue: 9)  // EBADF
    public static let noChild = SystemError(rawValue: 10)  // ECHILD
    public static let tryAgain = SystemError(rawValue: 11)  // EAGAIN
    public static let noMemory = SystemError(rawValue: 12)  // ENOMEM
    public static let accessDenied = SystemError(rawValue: 13)  // EACCES
    public static let badAddress = SystemError(rawValue: 14)  // EFAULT
    public static let busy = SystemError(rawValue: 16)  // EBUSY
    public static let fileExists = SystemError(rawValue: 17)  // EEXIST
    public static let noSuchDevice = SystemError(rawValue: 19)  // ENODEV
    public static let notDirectory = SystemError(rawValue: 20)  // ENOTDIR
    public static let isDirectory = SystemError(rawValue: 21)  // EISDIR
    public static let invalidArgument = SystemError(rawValue: 22)  // EINVAL
    public static let tooManyFilesInSystem = SystemError(rawValue: 23)  // ENFILE
    public static let tooManyFiles = SystemError(rawValue: 24)  // EMFILE
    public static let fileTooLarge = SystemError(rawValue: 27)  // EFBIG
    public static let noSpace = SystemError(rawValue: 28)  // ENOSPC
    public static let tooManyLinks = SystemError(rawValue: 31)  // EMLINK
    public static let brokenPipe = SystemError(rawValue: 32)  // EPIPE
    public static let nameTooLong = SystemError(rawValue: 36)  // ENAMETOOLONG
    public static let noSuchCall = SystemError(rawValue: 38)  // ENOSYS
    public static let directoryNotEmpty = SystemError(rawValue: 39)  // ENOTEMPTY
    public static let noSuchName = SystemError(rawValue: 61)  // ENODATA
    public static let noNameServer = SystemError(rawValue: 64)  // ENONET
    public static let answerTooLong = SystemError(rawValue: 75)  // EOVERFLOW
    public static let notSocket = SystemError(rawValue: 88)  // ENOTSOCK
    public static let destinationRequired = SystemError(rawValue: 89)  // EDESTADDRREQ
    public static let messageTooLong = SystemError(rawValue: 90)  // EMSGSIZE
    public static let notSupported = SystemError(rawValue: 95)  // EOPNOTSUPP
    public static let addressInUse = SystemError(rawValue: 98)  // EADDRINUSE
    public static let addressNotAvailable = SystemError(rawValue: 99)  // EADDRNOTAVAIL
    public static let networkDown = SystemError(rawValue: 100)  // ENETDOWN
    public static let networkUnreachable = SystemError(rawValue: 101)  // ENETUNREACH
    public static let noBufferSpace = SystemError(rawValue: 105)  // ENOBUFS
    public static let connectionReset = SystemError(rawValue: 104)  // ECONNRESET
    public static let alreadyConnected = SystemError(rawValue: 106)  // EISCONN
    public static let notConnected = SystemError(rawValue: 107)  // ENOTCONN
    public static let timedOut = SystemError(rawValue: 110)  // ETIMEDOUT
    public static let connectionRefused = SystemError(rawValue: 111)  // ECONNREFUSED
    public static let hostUnreachable = SystemError(rawValue: 113)  // EHOSTUNREACH
    public static let alreadyInProgress = SystemError(rawValue: 114)  // EALREADY
    public static let inProgress = SystemError(rawValue: 115)  // EINPROGRESS

    /// What the number means, as a user reads it.
    public var message: StaticString {
        switch rawValue {
        case 1: "operation not permitted"
        case 2: "no such file or directory"
        case 3: "no such process"
        case 4: "interrupted"
        case 5: "input/output error"
        case 6: "the name has no address"
        case 7: "argument list too long"
        case 8: "not an executable file"
        case 9: "bad file descriptor"
        case 10: "no child processes"
        case 11: "resource temporarily unavailable"
        case 12: "out of memory"
        case 13: "permission denied"
        case 14: "bad address"
        case 16: "busy"
        case 17: "file exists"
        case 19: "no such device"
        case 20: "not a directory"
        case 21: "is a directory"
        case 22: "invalid argument"
        case 23: "too many open files in the system"
        case 24: "too many open files"
        case 27: "file too large"
        case 28: "no space left on device"
        case 31: "too many links"
        case 32: "broken pipe"
        case 36: "name too long"
        case 38: "no such system call"
        case 39: "directory not empty"
        case 61: "no such name"
        case 64: "no name server is known"
        case 75: "the name server's answer does not fit a datagram"
        case 88: "not a socket"
        case 89: "destination address required"
        case 90: "message too long"
        case 95: "operation not supported"
        case 98: "address already in use"
        case 99: "not an address of this machine"
        case 100: "network is down"
        case 101: "network is unreachable"
        case 104: "connection reset by peer"
        case 105: "no buffer space available"
        case 106: "already connected"
        case 107: "not connected"
        case 110: "timed out"
        case 111: "connection refused"
        case 113: "no route to host"
        case 114: "already connecting"
        case 115: "connecting"
        default: "unknown error"
        }
    }
}

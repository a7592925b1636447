// A process that a test starts, with an end to every wait.
//
// Foundation's Process has none, and gives a child what another thread opens at that moment: a pipe that such a child
// holds open stays without its end, and whatever reads from it waits for ever. Descriptors made here are closed by exec.

import Foundation

/// What went wrong with a child, for a test's report.
public struct ChildError: Error, CustomStringConvertible {
    public let description: String
}

/// A running program, at the head of a process group of its own. All of the group ends with the object at the latest.
public final class Child: @unchecked Sendable {
    /// What it reads.
    public enum Input {
        case nothing, pipe
        case descriptor(Int32)
    }
    /// Where its output goes.
    public enum Output {
        case nothing, pipe
        case file(String)
    }

    /// Seconds that a program may take to end once SIGTERM was sent; then it is killed.
    public static let grace: TimeInterval = 20

    public let command: [String]
    public let pid: pid_t
    private let input: Int32
    /// The read end of its output, and of its errors where they go elsewhere; -1 for none.
    public let output: Int32
    public let errors: Int32
    private static let starting = NSLock()
    /// Process groups that have not ended, for `watch`.
    nonisolated(unsafe) private static var groups: Set<pid_t> = []  // under `starting`
    /// Minutes that the tests of a process may take together.
    private static let limit = 60
    /// Every wait of a test has an end. Should the whole have none all the same, it ends here; what the tests reported so
    /// far goes out, so that the log names what was under way.
    private static let watch: Void = {
        Thread.detachNewThread {
            sleep(UInt32(limit * 60))
            print("The tests have not ended within \(limit) minutes: what started above and has no end hangs")
            starting.withLock { for group in unsafe groups { Foundation.kill(-group, SIGKILL) } }
            exit(1)
        }
    }()
    private let lock = NSLock()
    private var ended: Int32?
    private var inputIsOpen: Bool

    /// Starts a program.
    /// - Parameters:
    ///   - command: the program, looked for in PATH, and its arguments.
    ///   - environment: all of it; nil for this process's own.
    ///   - folder: where it starts; nil for this process's own.
    ///   - errors: nil for where the output goes.
    public init(
        _ command: [String], environment: [String: String]? = nil, folder: String? = nil, input: Input = .nothing,
        output: Output = .pipe, errors: Output? = nil
    ) throws {
        self.command = command
        // Between the making of a pipe and its mark no other child begins.
        Self.watch
        Self.starting.lock()
        defer { Self.starting.unlock() }
        var open: [Int32] = []
        defer { for descriptor in open { close(descriptor) } }
        func pipe() throws -> (read: Int32, write: Int32) {
            var ends: [Int32] = [-1, -1]
            // two elements, as pipe fills in
            guard unsafe Foundation.pipe(&ends) == 0 else { throw ChildError(description: "pipe: errno \(errno)") }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return (ends[0], ends[1])
        }
        func file(_ path: String, _ flags: Int32) throws -> Int32 {
            // the string's own bytes
            let descriptor = unsafe Foundation.open(path, flags | O_CLOEXEC | O_NOCTTY, 0o644)
            guard descriptor >= 0 else { throw ChildError(description: "\(path): errno \(errno)") }
            open.append(descriptor)
            return descriptor
        }
        func sink(_ output: Output) throws -> (child: Int32, own: Int32) {
            switch output {
            case .nothing: return (try file("/dev/null", O_WRONLY), -1)
            case .file(let path): return (try file(path, O_WRONLY | O_CREAT | O_APPEND), -1)
            case .pipe:
                let ends = try pipe()
                open.append(ends.write)
                return (ends.write, ends.read)
            }
        }
        let source: Int32
        switch input {
        case .nothing: (source, self.input) = (try file("/dev/null", O_RDONLY), -1)
        case .descriptor(let descriptor): (source, self.input) = (descriptor, -1)
        case .pipe:
            let ends = try pipe()
            open.append(ends.read)
            (source, self.input) = (ends.read, ends.write)
        }
        inputIsOpen = self.input >= 0
        let printed = try sink(output)
        let complained = try errors.map(sink) ?? (printed.child, -1)
        (self.output, self.errors) = (printed.own, complained.1)
        let whole = folder.map { ["env", "-C", $0] + command } ?? command
        pid = try Self.spawn(whole, environment, [source, printed.child, complained.0])
        unsafe Self.groups.insert(pid)
    }

    /// - Parameter descriptors: what become 0, 1 and 2.
    private static func spawn(
        _ command: [String], _ environment: [String: String]?, _ descriptors: [Int32]
    ) throws -> pid_t {
        // Each call takes what the one before it made, all of it in this function's hands; the strings live until
        // they are freed below, and each list ends with nil. Tests run on threads that block all signals, a child
        // inherits that, and ping (SIGALRM) and what is to end by SIGTERM need them.
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        var none = sigset_t()
        var pid: pid_t = 0
        _ = unsafe posix_spawn_file_actions_init(&actions)
        defer { _ = unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawnattr_init(&attributes)
        defer { _ = unsafe posix_spawnattr_destroy(&attributes) }
        for (number, descriptor) in descriptors.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        let opened = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in opened.compactMap({ Int32($0) }) where descriptor > 2 {
            unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        let variables = environment ?? ProcessInfo.processInfo.environment
        var arguments = unsafe command.map { unsafe strdup($0) } + [nil]
        var settings = unsafe variables.map { unsafe strdup("\($0)=\($1)") } + [nil]
        defer { unsafe (arguments + settings).forEach { unsafe free($0) } }
        let error = unsafe posix_spawnp(&pid, command[0], &actions, &attributes, &arguments, &settings)
        guard error == 0 else { throw ChildError(description: "\(command): errno \(error)") }
        return pid
    }

    deinit {
        kill()
        Self.starting.withLock {
            _ = unsafe Self.groups.remove(pid)
            waitpid(pid, nil, WNOHANG)
        }
        closeInput()
        for descriptor in [output, errors] where descriptor >= 0 { close(descriptor) }
    }

    // MARK: Its end

    /// Its exit status, 128 and the signal's number if one ended it; nil while it runs.
    public var status: Int32? {
        lock.withLock {
            if ended == nil {
                // Left unread: its number, and its group's, belong to nothing else until the object ends.
                // Filled in for a child that ended.
                var info = unsafe siginfo_t()
                unsafe waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT)
                let child = unsafe info._sifields._sigchld
                if child.si_pid == pid {
                    ended = unsafe info.si_code == CLD_EXITED ? child.si_status : 128 + child.si_status
                }
            }
            return ended
        }
    }

    public var isRunning: Bool { status == nil }

    /// Waits until it ends; nil when it has not within so many seconds.
    public func status(within seconds: TimeInterval) -> Int32? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while isRunning, Date() < deadline { usleep(2000) }
        return status
    }

    /// Sends a signal to it and to what it started.
    public func send(_ signal: Int32) { Foundation.kill(-pid, signal) }

    /// Ends it by SIGTERM, and by SIGKILL if that is not enough.
    public func end(grace: TimeInterval = grace) {
        send(SIGTERM)
        if status(within: grace) == nil { kill() }
    }

    /// Ends it by SIGKILL.
    public func kill() {
        send(SIGKILL)
        _ = status(within: Self.grace)
    }

    // MARK: Its input and output

    /// Writes to its input, all of it or until it no longer reads.
    public func write(_ bytes: some Collection<UInt8>) {
        var rest = Array(bytes)
        while !rest.isEmpty {
            let count = unsafe Foundation.write(input, rest, rest.count)  // the array's own bytes
            guard count > 0 else { break }
            rest.removeFirst(count)
        }
    }

    public func closeInput() {
        lock.withLock {
            if inputIsOpen { close(input) }
            inputIsOpen = false
        }
    }

    /// What comes next from `descriptor` within so many seconds: empty at the end of it, nil when nothing came.
    public static func next(from descriptor: Int32, seconds: TimeInterval) -> [UInt8]? {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // one entry
        guard unsafe poll(&entry, 1, Int32(max(0, min(seconds, 86_400)) * 1000)) > 0 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe read(descriptor, &buffer, buffer.count)  // no more than the buffer holds
        return Array(buffer[..<max(0, count)])
    }

    /// All that it prints, and its status; throws when it has not ended within so many seconds, and ends it then.
    public func finish(seconds: TimeInterval) throws -> (status: Int32, output: [UInt8]) {
        let deadline = Date(timeIntervalSinceNow: seconds)
        var all: [UInt8] = []
        while output >= 0, let bytes = Self.next(from: output, seconds: deadline.timeIntervalSinceNow) {
            if bytes.isEmpty { break }
            all += bytes
        }
        guard let status = status(within: max(0, deadline.timeIntervalSinceNow)) else {
            send(SIGKILL)
            throw ChildError(
                description:
                    "\(command.joined(separator: " ")): not ended within \(Int(seconds)) s; it printed:\n\(String(decoding: all, as: UTF8.self))"
            )
        }
        return (status, all)
    }
}

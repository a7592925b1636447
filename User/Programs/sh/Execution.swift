// How the shell carries out what it has parsed: processes, pipes, redirections, and the commands that it must do
// itself.

import SystemInterface
import UserLibrary

enum Execution {
    /// The exit status of a process that was killed (Documentation/ABI.md, wait).
    private static let killedStatus: Int32 = -1
    /// The group of the job that an interactive shell runs in the foreground; 0 before its first process.
    private static var jobGroup: Int32 {
        get { unsafe storedGroup }  // a program has one thread
        set { unsafe storedGroup = newValue }
    }
    /// Only the interactive shell itself makes groups; its children stay in the one that they were born into.
    private static var makesGroups: Bool {
        get { unsafe storedMakesGroups }  // a program has one thread
        set { unsafe storedMakesGroups = newValue }
    }

    nonisolated(unsafe) private static var storedGroup: Int32 = 0  // a program has one thread
    nonisolated(unsafe) private static var storedMakesGroups = false  // a program has one thread

    /// Carries out a whole line. For an interactive shell, ^C ends it until it is done.
    static func runJob(_ command: Command, isInteractive: Bool) -> Int32 {
        makesGroups = isInteractive
        jobGroup = 0
        let status = run(command)
        if isInteractive { System.setForeground(0) }
        return status
    }

    /// Carries a command out and returns its exit status.
    static func run(_ command: Command) -> Int32 {
        switch command {
        case .nothing:
            return 0
        case .sequence(let first, let second):
            Shell.lastStatus = run(first)
            // What was interrupted does not go on with its next command.
            return Shell.lastStatus == killedStatus ? killedStatus : run(second)
        case .conditional(let first, let second, let onSuccess):
            let status = run(first)
            Shell.lastStatus = status
            return (status == 0) == onSuccess ? run(second) : status
        case .background(let inner):
            guard let child = start({ run(inner) }, inForeground: false) else { return 1 }
            Shell.backgroundStarted(child)
            return 0
        case .group(let inner, let redirections):
            return wait(for: start { redirect(redirections) ? run(inner) : 1 })
        case .pipe(let first, let second):
            return runPipe(first, second)
        case .simple(let words, let redirections):
            let arguments = words.map { $0.expanded(lastStatus: Shell.lastStatus) }
            if redirections.isEmpty, let status = runBuiltIn(arguments) { return status }
            return wait(for: start { redirect(redirections) ? (arguments.isEmpty ? 0 : execute(arguments)) : 1 })
        }
    }

    /// Starts a process that runs `body`; nil, with a complaint, if there cannot be one.
    private static func start(_ body: () -> Int32, inForeground: Bool = true) -> Int32? {
        standardOutput.flush()
        do throws(SystemError) {
            let child = try System.fork()
            if makesGroups { joinGroup(child, inForeground: inForeground) }
            if child == 0 {
                makesGroups = false
                end(body())
            }
            return child
        } catch {
            complain("no new process: \(error)")
            return nil
        }
    }

    /// Puts a new process into the job's group, or a group of its own if it is not waited for. Parent and child both do
    /// it, since either may run first. It fails only if the child has ended.
    private static func joinGroup(_ child: Int32, inForeground: Bool) {
        do throws(SystemError) { try System.setGroup(of: child, to: inForeground ? jobGroup : 0) } catch {}
        guard inForeground else { return }
        if jobGroup == 0 { jobGroup = child == 0 ? System.pid : child }
        System.setForeground(jobGroup)
    }

    /// Waits for a child; background processes that end meanwhile are noted.
    private static func wait(for child: Int32?) -> Int32 {
        guard let child else { return 1 }
        while true {
            do throws(SystemError) {
                let (pid, status) = try System.wait()
                if pid == child { return status }
                Shell.backgroundEnded(pid)
            } catch {
                return 1
            }
        }
    }

    private static func runPipe(_ first: Command, _ second: Command) -> Int32 {
        do throws(SystemError) {
            let ends = try System.pipe()
            let writer = start {
                connect(ends.write, to: .standardOutput, closing: ends.read)
                return run(first)
            }
            let reader = start {
                connect(ends.read, to: .standardInput, closing: ends.write)
                return run(second)
            }
            try System.close(ends.read)
            try System.close(ends.write)
            // The reader may end first; the pipeline has ended when both have. Its status is the last one's.
            var status: Int32 = reader == nil ? 1 : 0
            var left = (writer == nil ? 0 : 1) + (reader == nil ? 0 : 1)
            while left > 0 {
                let (pid, result) = try System.wait()
                if pid == reader { status = result }
                if pid == reader || pid == writer { left -= 1 } else { Shell.backgroundEnded(pid) }
            }
            return status
        } catch {
            complain("pipe: \(error)")
            return 1
        }
    }

    /// Makes `file` the descriptor `target`, in a child.
    private static func connect(_ file: FileDescriptor, to target: FileDescriptor, closing other: FileDescriptor) {
        do throws(SystemError) {
            try System.close(other)
            try System.close(target)
            _ = try System.duplicate(file)
            try System.close(file)
        } catch {
            fail("pipe: \(error)")
        }
    }

    private static func redirect(_ redirections: [Redirection]) -> Bool {
        for redirection in redirections {
            let file = Path(redirection.file.expanded(lastStatus: Shell.lastStatus))
            do throws(SystemError) {
                try redirect(redirection.kind, file)
            } catch {
                complain("\(file): \(error)")
                return false
            }
        }
        return true
    }

    private static func redirect(_ kind: Redirection.Kind, _ file: Path) throws(SystemError) {
        let target: FileDescriptor = kind == .input ? .standardInput : .standardOutput
        let opened: FileDescriptor
        switch kind {
        case .input: opened = try System.open(file)
        case .output: opened = try System.open(file, [.writeOnly, .create, .truncate])
        case .append:
            opened = try System.open(file, [.readWrite, .create])
            try skipToEnd(opened)
        }
        try System.close(target)
        _ = try System.duplicate(opened)
        try System.close(opened)
    }

    /// There is no seek: the end is reached by reading.
    private static func skipToEnd(_ file: FileDescriptor) throws(SystemError) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while try readPiece(file, into: &buffer) > 0 {}
    }

    // MARK: Commands of the shell's own

    /// Runs a command that changes the shell itself; nil if it is none.
    private static func runBuiltIn(_ words: [[UInt8]]) -> Int32? {
        if words[0] == CString("cd").bytes { return changeDirectory(words) }
        if words[0] == CString("exit").bytes { return exit(words) }
        guard words[0] == CString("wait").bytes else { return nil }
        Shell.waitForBackground()
        return 0
    }

    private static func changeDirectory(_ words: [[UInt8]]) -> Int32 {
        guard words.count <= 2 else {
            complain("cd: one directory is needed")
            return 2
        }
        let target = words.count == 2 ? Path(words[1]) : "/"
        do throws(SystemError) {
            try System.changeDirectory(target)
            return 0
        } catch {
            complain("cd: \(target): \(error)")
            return 1
        }
    }

    private static func exit(_ words: [[UInt8]]) -> Int32 {
        guard words.count > 1 else { end(Shell.lastStatus) }
        guard words.count == 2, let number = Scanner.number(words[1]), number >= 0, number <= Int(Int32.max) else {
            complain("exit: the status is a number")
            return 2
        }
        end(Int32(number))
    }
}

// How the shell carries out what it has parsed: processes and pipes.

import SystemInterface
import UserLibrary

enum Execution {
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

    /// Makes the shell one that gives each job a group, which ^C ends, and that survives ^C itself.
    static func becomeInteractive() {
        makesGroups = true
        do throws(SystemError) { try System.setGroup(of: 0, to: 0) } catch {}  // it names itself
        Interrupts.handle(.tellsAlways)
        takeForeground()
    }

    private static func takeForeground() { System.setForeground(System.pid) }

    /// Runs a command of the shell's own that ^C interrupts.
    static func inForeground(_ words: [[UInt8]], _ body: ([[UInt8]]) -> Int32) -> Int32 {
        if makesGroups { takeForeground() }
        return body(words)
    }

    // MARK: Lists

    /// Carries out all commands of a line; the last one's status.
    static func runJob(_ list: CommandList) -> Int32 {
        let status = run(list)
        if makesGroups {
            takeForeground()
            _ = Interrupts.came()  // it was the job's
        }
        return status
    }

    private static func run(_ list: CommandList) -> Int32 {
        for item in list.items {
            jobGroup = 0
            Shell.lastStatus = item.isBackground ? startInBackground(item.conditions) : run(item.conditions)
            // What was interrupted does not go on with its next command.
            if Shell.lastStatus == Shell.interruptedStatus { break }
        }
        return Shell.lastStatus
    }

    private static func run(_ conditions: Conditions) -> Int32 {
        var status = run(conditions.first)
        for alternative in conditions.rest {
            if status == Shell.interruptedStatus { break }
            Shell.lastStatus = status
            if (status == 0) == alternative.onSuccess { status = run(alternative.pipeline) }
        }
        return status
    }

    private static func run(_ pipeline: Pipeline) -> Int32 {
        guard pipeline.commands.count == 1, let command = pipeline.commands.first else { return runPipe(pipeline) }
        if case .simple(let words, let redirections) = command {
            let words = words.map { $0.expanded() }
            if let name = words.first, let builtIn = BuiltIns.command(name) {
                return Redirecting.during(redirections) { Shell.own { builtIn(Array(words.dropFirst())) } }
            }
        }
        guard let child = start({ become(command) }) else { return 1 }
        return wait(for: [child])
    }

    // MARK: In a child, whose end is the command's

    private static func become(_ command: Command) -> Int32 {
        switch command {
        case .group(let list, let redirections):
            return Redirecting.apply(redirections) ? become(list) : 1
        case .simple(let words, let redirections):
            guard Redirecting.apply(redirections) else { return 1 }
            var words = words.map { $0.expanded() }
            while words.first == CString("restrict").bytes, words.count > 1 {
                System.restrict()
                words.removeFirst()
            }
            guard let name = words.first else { return 0 }
            if let builtIn = BuiltIns.command(name) { return builtIn(Array(words.dropFirst())) }
            return execute(words)
        }
    }

    private static func become(_ list: CommandList) -> Int32 {
        guard let last = list.items.last, !last.isBackground else { return run(list) }
        if list.items.count > 1 {
            let status = run(CommandList(items: Array(list.items.dropLast())))
            if status == Shell.interruptedStatus { return status }
        }
        return become(last.conditions)
    }

    private static func become(_ conditions: Conditions) -> Int32 {
        guard conditions.rest.isEmpty, conditions.first.commands.count == 1,
            let command = conditions.first.commands.first
        else { return run(conditions) }
        return become(command)
    }

    // MARK: Processes

    /// Starts a process that runs `body`; nil, with a complaint, if there cannot be one.
    private static func start(inForeground: Bool = true, _ body: () -> Int32) -> Int32? {
        standardOutput.flush()
        do throws(SystemError) {
            let child = try System.fork()
            if makesGroups { joinGroup(child, inForeground: inForeground) }
            if child == 0 {
                if makesGroups { Interrupts.handle(.ends) }
                makesGroups = false
                Jobs.forget()
                Shell.closeScript()
                end(body())
            }
            return child
        } catch {
            complain("no new process: \(error) (ps, kill, halt and dmesg need none)")
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

    /// Waits for the processes of a job; the last one's status as $? has it.
    private static func wait(for children: [Int32]) -> Int32 {
        var status: Int32 = 1
        var isInterrupted = false
        for child in children {
            var hasEnded = false
            while !hasEnded {
                do throws(SystemError) {
                    status = try System.wait(for: child).shellStatus
                    hasEnded = true
                } catch {
                    // A ^C that came before the job had its group is the job's.
                    guard error == .interrupted else { return 1 }
                    guard Interrupts.came() else { continue }
                    isInterrupted = true
                    for child in children { do throws(SystemError) { try System.kill(child) } catch {} }
                }
            }
        }
        return isInterrupted ? Shell.interruptedStatus : status
    }

    private static func startInBackground(_ conditions: Conditions) -> Int32 {
        if makesGroups, isLastSlot() {
            complain("no new process: the last place is kept for commands that are waited for")
            return 1
        }
        let child = start(inForeground: false) {
            do throws(SystemError) {
                try System.close(.standardInput)
                _ = try System.open("/null")
            } catch {}  // the console is an empty file in the background
            return become(conditions)
        }
        guard let child else { return 1 }
        Jobs.started(child)
        return 0
    }

    private static func isLastSlot() -> Bool {
        do throws(SystemError) { return try System.resources().freeProcesses <= 1 } catch { return false }
    }

    // MARK: Pipes

    private static func runPipe(_ pipeline: Pipeline) -> Int32 {
        var children: [Int32] = []
        do throws(SystemError) {
            try startStages(pipeline.commands, &children)
        } catch {
            complain("pipe: \(error)")
        }
        // A stage may end before the others; the pipeline has ended when all have. Its status is the last one's.
        let isWhole = children.count == pipeline.commands.count
        let status = wait(for: children)
        return isWhole ? status : 1
    }

    private static func startStages(_ commands: [Command], _ children: inout [Int32]) throws(SystemError) {
        var input: FileDescriptor?
        for (index, command) in commands.enumerated() {
            let isLast = index == commands.count - 1
            var next: (read: FileDescriptor, write: FileDescriptor)?
            var failure: SystemError?
            do throws(SystemError) { if !isLast { next = try System.pipe() } } catch { failure = error }
            let child =
                failure != nil
                ? nil
                : start {
                    if let input { Redirecting.connect(input, to: .standardInput) }
                    if let next {
                        do throws(SystemError) { try System.close(next.read) } catch {}  // it is open
                        Redirecting.connect(next.write, to: .standardOutput)
                    }
                    return become(command)
                }
            if let input { try System.close(input) }
            if let next { try System.close(next.write) }
            input = next?.read
            guard let child else {
                if let input { try System.close(input) }
                if let failure { throw failure }
                return
            }
            children.append(child)
        }
    }
}

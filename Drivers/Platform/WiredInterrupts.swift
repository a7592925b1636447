// An interrupt controller with a wire from each device: a PLIC or an APLIC, so that the kernel serves both.

public enum WiredInterrupts<Window: Registers> {
    case plic(PLIC<Window>)
    case aplic(APLIC<Window>)

    /// Lets every priority through to a context, and no source yet.
    public func start(context: Int, sources: UInt32) {
        switch self {
        case .plic(let controller): controller.start(context: context, sources: sources)
        case .aplic(let controller): controller.start(context: context)
        }
    }

    /// Routes a source (not 0) to a context.
    public func enable(_ source: UInt32, context: Int) {
        switch self {
        case .plic(let controller): controller.enable(source, context: context)
        case .aplic(let controller): controller.enable(source, context: context)
        }
    }

    /// Routes a source to a context no more.
    public func disable(_ source: UInt32, context: Int) {
        switch self {
        case .plic(let controller): controller.disable(source, context: context)
        case .aplic(let controller): controller.disable(source, context: context)
        }
    }

    /// Which of the first 64 sources are pending, whether or not they are routed: bit i is source i.
    public var pending: UInt64 {
        switch self {
        case .plic(let controller): controller.pending
        case .aplic(let controller): controller.pending
        }
    }

    /// Takes the pending interrupt of highest priority; 0 if there is none. Its source keeps quiet until `complete`.
    @inline(__always)
    public func claim(context: Int) -> UInt32 {
        switch self {
        case .plic(let controller): controller.claim(context: context)
        case .aplic(let controller): controller.claim(context: context)
        }
    }

    /// Completes an interrupt, so that its source may interrupt again.
    @inline(__always)
    public func complete(_ source: UInt32, context: Int) {
        switch self {
        case .plic(let controller): controller.complete(source, context: context)
        case .aplic(let controller): controller.complete(source)
        }
    }
}
